import { useEffect } from 'react';

/** Elements that use the keys themselves. */
const OWN_KEYS =
  'input, textarea, select, [contenteditable], [role="slider"], [role="listbox"], [role="dialog"]';
/** Keys that press or move what has the focus: for the viewer only while nothing else has it. */
const FOCUS_KEYS = new Set([' ', 'ArrowUp', 'ArrowDown', 'ArrowLeft', 'ArrowRight', 'PageUp', 'PageDown']);

/** Page-wide keys by `KeyboardEvent.key`; typing and controls come first. */
export function useShortcuts(actions: Readonly<Record<string, () => void>>): void {
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      const action = actions[event.key];
      const target = event.target instanceof Element ? event.target : document.body;
      if (!action || event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
      if (target.closest(OWN_KEYS)) return;
      if (FOCUS_KEYS.has(event.key) && target !== document.body && !target.closest('[data-viewer]')) return;
      event.preventDefault();
      action();
    };
    addEventListener('keydown', onKey);
    return () => removeEventListener('keydown', onKey);
  }, [actions]);
}
