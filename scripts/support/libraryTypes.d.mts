/** Writes the declarations of the library into `folder`. Throws where they do not compile by themselves. */
export function writeLibraryTypes(folder: string): Promise<void>;
