import { createTheme, defaultVariantColorsResolver, type MantineColorsTuple } from '@mantine/core';
import { accessibleControls } from './components/accessibleControls';

/** The one accent: a teal that keeps 4.5:1 as text on both backgrounds (shade 4 on dark, 8 on light). */
const accent: MantineColorsTuple = [
  '#e2fbf7',
  '#c8f3ec',
  '#98e6da',
  '#63d8c6',
  '#3accb6',
  '#21bda6',
  '#0f9f8b',
  '#0a8473',
  '#06695c',
  '#034e44',
];

/** Neutral with a trace of the accent's hue; `dark[7]` is the page, `dark[6]` a panel. */
const dark: MantineColorsTuple = [
  '#d5dde0',
  '#b4c0c5',
  '#94a3a9',
  '#67767d',
  '#36444a',
  '#28343a',
  '#1a2429',
  '#11191d',
  '#0b1114',
  '#06090b',
];

/** Buttons that delete: white on a red that keeps 4.5:1 in both themes. */
const DANGER = {
  background: 'var(--mantine-color-red-9)',
  hover: 'var(--mantine-color-red-8)',
  color: 'var(--mantine-color-white)',
} as const;

export const theme = createTheme({
  primaryColor: 'accent',
  primaryShade: { light: 8, dark: 4 },
  colors: { accent, dark },
  autoContrast: true,
  variantColorResolver: (input) => {
    const colors = defaultVariantColorsResolver(input);
    if (input.variant !== 'filled') return colors;
    // Mantine's own picks the text on the accent by its light shade; dark mode has another.
    if (input.color === 'accent') return { ...colors, color: 'var(--mantine-primary-color-contrast)' };
    return input.color === 'red' ? { ...colors, ...DANGER } : colors;
  },
  components: accessibleControls,
  fontFamily: 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif',
  fontFamilyMonospace: 'ui-monospace, SFMono-Regular, Menlo, Consolas, monospace',
  defaultRadius: 'md',
  fontSizes: { xs: '0.75rem', sm: '0.8125rem', md: '0.875rem', lg: '1rem', xl: '1.25rem' },
  cursorType: 'pointer',
  respectReducedMotion: true,
});
