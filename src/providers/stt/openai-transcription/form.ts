type Fetch = typeof globalThis.fetch;

/**
 * A `fetch` that takes the platform's forms. The one with our connections is another library's, which knows only its own: so a
 * form is written out first. The SDK looks at `Response` for whether forms are understood.
 */
export function formFetch(fetch: Fetch): Fetch {
  const ask = async (url: Parameters<Fetch>[0], init: RequestInit = {}): Promise<Response> => {
    if (!(init.body instanceof FormData)) return fetch(url, init);
    const written = new Response(init.body);
    const headers = new Headers(init.headers);
    headers.set("content-type", written.headers.get("content-type") ?? "multipart/form-data");
    return fetch(url, {
      ...init,
      headers: Object.fromEntries(headers),
      body: new Uint8Array(await written.arrayBuffer()),
    });
  };
  return Object.assign(ask, { Response: globalThis.Response });
}
