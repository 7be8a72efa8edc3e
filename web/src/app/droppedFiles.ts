/** A file that is dropped beside its place must not make the browser leave the page for it. */
export function keepDroppedFilesOut(): void {
  for (const kind of ["dragover", "drop"] as const)
    window.addEventListener(kind, (event) => {
      if (event.dataTransfer?.types.includes("Files")) event.preventDefault();
    });
}
