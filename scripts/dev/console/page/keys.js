/** Keys of the whole page; within a field only Escape, which leaves it. */
import { useEffect } from 'preact/hooks';

/** @param keys what is done, by the names of the keys */
export function useKeys(keys) {
  useEffect(() => {
    const onKey = (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.target.closest('input, textarea, select')) {
        if (event.key === 'Escape') event.target.blur();
        return;
      }
      if (!Object.hasOwn(keys, event.key)) return;
      keys[event.key]();
      event.preventDefault();
    };
    document.addEventListener('keydown', onKey);
    return () => document.removeEventListener('keydown', onKey);
  });
}
