import { useEffect, useRef, useState } from "preact/hooks";

/** Call a function with files that are dropped anywhere on the page. Return whether files are above it right now. */
export function useFileDrop(onFiles: (files: File[]) => void): boolean {
  const [isOver, setOver] = useState(false);
  const latest = useRef(onFiles);
  latest.current = onFiles;

  useEffect(() => {
    let depth = 0; // dragenter of an inner element comes before dragleave of the outer one
    const handle = (action: (event: DragEvent) => void) => (event: DragEvent) => {
      if (event.dataTransfer?.types.includes("Files")) action(event);
    };
    const listeners = {
      dragenter: handle(() => {
        depth += 1;
        setOver(true);
      }),
      dragleave: handle(() => {
        depth = Math.max(0, depth - 1);
        if (!depth) setOver(false);
      }),
      dragover: handle((event) => {
        event.preventDefault(); // else the browser opens the file
      }),
      drop: handle((event) => {
        event.preventDefault();
        depth = 0;
        setOver(false);
        const files = [...(event.dataTransfer?.files ?? [])];
        if (files.length) latest.current(files);
      }),
    };
    for (const [name, listener] of Object.entries(listeners)) window.addEventListener(name, listener as EventListener);
    return () => {
      for (const [name, listener] of Object.entries(listeners))
        window.removeEventListener(name, listener as EventListener);
    };
  }, []);
  return isOver;
}
