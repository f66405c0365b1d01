// The headers that keep the promise "nothing leaves this computer" and switch on cross-origin isolation. The build
// writes them to `_headers` (Netlify, Cloudflare Pages); other static hosts copy them from there.

const POLICY: Readonly<Record<string, string>> = {
  'default-src': "'self'",
  'connect-src': "'self' blob:",
  'script-src': "'self' 'wasm-unsafe-eval'",
  'worker-src': "'self' blob:",
  'img-src': "'self' data: blob:",
  'style-src': "'self' 'unsafe-inline'",
  'font-src': "'self' data:",
  'object-src': "'none'",
  'base-uri': "'none'",
};

/** What hot reload needs on top: its socket and the inline preamble of React refresh. */
const DEVELOPMENT: Readonly<Record<string, string>> = {
  'connect-src': 'ws:',
  'script-src': "'unsafe-inline'",
};

function policyText(extra: Readonly<Record<string, string>>): string {
  return Object.entries(POLICY)
    .map(([directive, sources]) => [directive, sources, extra[directive]].filter(Boolean).join(' '))
    .join('; ');
}

/** The policy as a page can carry it itself: `frame-ancestors` works in a header only. */
export const PAGE_POLICY = policyText({});

function headersWith(policy: string): Readonly<Record<string, string>> {
  return {
    'Content-Security-Policy': `${policy}; frame-ancestors 'none'`,
    'Cross-Origin-Opener-Policy': 'same-origin',
    'Cross-Origin-Embedder-Policy': 'require-corp',
    'Cross-Origin-Resource-Policy': 'same-origin',
    'Permissions-Policy': 'camera=(), microphone=(), geolocation=()',
    'Referrer-Policy': 'no-referrer',
    'X-Content-Type-Options': 'nosniff',
  };
}

/** For every response of a static host. */
export const SECURITY_HEADERS = headersWith(PAGE_POLICY);

/** The same for the development server. */
export const DEVELOPMENT_HEADERS = headersWith(policyText(DEVELOPMENT));

/** `_headers` as Netlify and Cloudflare Pages read it. */
export function headersFile(): string {
  const lines = Object.entries(SECURITY_HEADERS).map(([name, value]) => `  ${name}: ${value}`);
  return `/*\n${lines.join('\n')}\n`;
}
