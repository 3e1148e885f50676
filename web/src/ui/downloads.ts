/** Save content as a file of the user: a blob, or the address of an image that was drawn. */
export function saveFile(content: Blob | string, name: string): void {
  const link = document.createElement("a");
  link.href = typeof content === "string" ? content : URL.createObjectURL(content);
  link.download = name;
  link.click();
  if (typeof content !== "string")
    setTimeout(() => {
      URL.revokeObjectURL(link.href);
    }, 60_000);
}
