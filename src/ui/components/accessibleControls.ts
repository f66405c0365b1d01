// What assistive technology needs of Mantine's controls and Mantine leaves to its users, once for all of them: names of
// controls that show only an icon or a handle, lists that scroll where their role says so.
import type { MantineThemeComponents } from '@mantine/core';

const CLOSE = { closeButtonProps: { 'aria-label': 'Close' } };
/** The list itself scrolls: a scrolling box around the options would need a place in the Tab order. */
const OPTIONS = {
  withScrollArea: false,
  styles: { options: { maxHeight: 'min(340px, 50vh)', overflowY: 'auto' } },
};
const SELECT = { ...OPTIONS, clearButtonProps: { 'aria-label': 'Clear' } };

const PAGINATION_NAMES = {
  first: 'First page',
  previous: 'Previous page',
  next: 'Next page',
  last: 'Last page',
} as const;

export const accessibleControls: MantineThemeComponents = {
  Modal: { defaultProps: CLOSE },
  Drawer: { defaultProps: CLOSE },
  Notification: { defaultProps: CLOSE },
  Alert: { defaultProps: { closeButtonLabel: 'Dismiss' } },
  Select: { defaultProps: SELECT },
  MultiSelect: { defaultProps: SELECT },
  Autocomplete: { defaultProps: SELECT },
  /** A plain span, Mantine's, may have no name. */
  Loader: { defaultProps: { role: 'status' } },
  /** Focus goes to the first item; Mantine's stand-in for it is no child that a menu may have. */
  Menu: { defaultProps: { withInitialFocusPlaceholder: false } },
  ColorPicker: {
    defaultProps: {
      saturationLabel: 'Saturation and brightness',
      hueLabel: 'Hue',
      alphaLabel: 'Opacity',
    },
  },
  Pagination: {
    defaultProps: {
      getItemProps: (page: number) => ({ 'aria-label': `Page ${page}` }),
      getControlProps: (control: keyof typeof PAGINATION_NAMES) => ({
        'aria-label': PAGINATION_NAMES[control],
      }),
    },
  },
};
