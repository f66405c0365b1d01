/** The mark: a U with its skip connection and one segmented thing in it. */
export function Brand() {
  return (
    <svg width="34" height="34" viewBox="0 0 64 64" role="img" aria-label="nnStudio">
      <path
        d="M14 12v24a18 18 0 0 0 36 0V12"
        fill="none"
        stroke="var(--mantine-primary-color-filled)"
        strokeWidth="7"
        strokeLinecap="round"
      />
      <path d="M24 22h16" stroke="currentColor" strokeWidth="5" strokeLinecap="round" />
      <circle cx="32" cy="37" r="5.5" fill="#e69f00" />
    </svg>
  );
}
