export { type DiskFolder, folderAt } from './folder-at.js';
export { type OpenModelFolder, openModelFolder } from './open-model-folder.js';
