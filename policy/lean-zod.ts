// zod's index imports the translations of its messages into 60 languages. Nobody here reads them: the
// configuration has messages of its own. PERF: without them zod is there in 48 ms of CPU instead of 85; bench
// `start`.
import { registerHooks } from 'node:module';

/** Imports by `load` what imports zod, without its translations. */
export async function withoutTranslations<T>(load: () => Promise<T>): Promise<T> {
  const hooks = registerHooks({
    resolve: (specifier, context, next) =>
      specifier === '../locales/index.js'
        ? { url: 'data:text/javascript,', shortCircuit: true }
        : next(specifier, context),
  });
  try {
    return await load();
  } finally {
    hooks.deregister();
  }
}
