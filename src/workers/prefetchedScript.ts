/** Where workers find their script: fetched with the page, so that nothing is asked for when one starts. */
export function prefetchedScript(address: string): () => string {
  let script = address;
  if (import.meta.env.PROD) {
    void fetch(address)
      .then((answer) => answer.blob())
      .then(
        (content) => {
          script = URL.createObjectURL(content);
        },
        () => undefined, // fetched once more when it is needed, which then says what is wrong
      );
  }
  return () => script;
}
