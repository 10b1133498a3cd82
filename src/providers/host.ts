/** Where data goes, for people to read: the host of an address, or undefined where it stays on this machine. */
export function hostBeyond(url: string): string | undefined {
  const { hostname, host } = new URL(url);
  const here = hostname === "localhost" || hostname === "[::1]" || /^127\.\d+\.\d+\.\d+$/.test(hostname);
  return here ? undefined : host;
}
