/** What the page's own script needs to know; it is written into the script, so the page itself has no data. */
export type GraphiqlBoot = Readonly<{
  endpoint: string;
  /** HTML: GraphiQL does not escape it. */
  titleHtml: string;
  logoHtml: string;
  operations: readonly string[];
  workers: Readonly<{ editorWorkerService: string; json: string; graphql: string }>;
}>;

/**
 * The page's own script: signs GraphiQL in with the key of the address's fragment, then starts it.
 * It runs in browsers and is text because the server is compiled without a bundler and without the DOM's types.
 */
export function graphiqlBootScript(boot: GraphiqlBoot): string {
  return `(${browserCode})(${JSON.stringify({ ...boot, hint: '<your API key>' })});\n`;
}

// GraphiQL remembers its headers, or a reload would sign out; but in sessionStorage, where the key ends with the tab,
// and not in localStorage, its default. After a reload it looks for the active tab by comparing texts that it does
// not store before the first edit; so they are written out first, or each reload would open one more, empty tab.
const browserCode = `function (boot) {
  'use strict';
  const store = window.sessionStorage;
  const root = document.getElementById('root');
  const headersFor = (key) => JSON.stringify({ Authorization: 'Bearer ' + key }, null, 2);
  const hint = headersFor(boot.hint);

  // At once: the key must not stay where it is shown, copied and kept in the browser's history.
  function takeKey() {
    const match = /[#&]key=([^&]*)/.exec(location.hash);
    if (!match) return null;
    history.replaceState(null, '', location.pathname + location.search);
    try {
      return decodeURIComponent(match[1]).trim();
    } catch {
      return match[1].trim();
    }
  }

  // A link that is opened in a tab that shows GraphiQL already changes the fragment only.
  function onHashChange() {
    const key = takeKey();
    if (!key) return;
    store.setItem('promptforge:key', key);
    location.reload();
  }

  function storedTabs() {
    try {
      const state = JSON.parse(store.getItem('graphiql:tabState'));
      return state.tabs[state.activeTabIndex] ? state : null;
    } catch {
      return null;
    }
  }

  function resume(state, headers) {
    if (headers) for (const tab of state.tabs) tab.headers = headers;
    store.setItem('graphiql:tabState', JSON.stringify(state));
    const active = state.tabs[state.activeTabIndex];
    for (const name of ['query', 'variables', 'headers']) store.setItem('graphiql:' + name, active[name] || '');
    return active.headers;
  }

  function initialHeaders() {
    const key = takeKey() || store.getItem('promptforge:key');
    store.removeItem('promptforge:key');
    const signedIn = key ? headersFor(key) : null;
    const state = storedTabs();
    const resumed = state ? resume(state, signedIn) : null;
    return signedIn || resumed || store.getItem('graphiql:headers') || hint;
  }

  const headers = initialHeaders();
  store.setItem('graphiql:headers', headers);
  let lastHeaders = headers;

  // A key that was typed in one tab signs in the others too, as long as they still show the hint.
  function shareHeaders() {
    const model = window.monaco.editor.getModels().find((each) => each.uri.path.endsWith('request-headers.json'));
    if (model && model.getValue() === hint) model.setValue(lastHeaders);
  }

  function render() {
    if (!window.YogaGraphiQL) {
      root.textContent = 'GraphiQL could not be loaded. Reload the page to try again.';
      return;
    }
    window.YogaGraphiQL.renderYogaGraphiQL(root, {
      endpoint: boot.endpoint,
      title: boot.titleHtml,
      logo: boot.logoHtml,
      // Over HTTP, so that the headers editor signs subscriptions in as well; a browser's WebSocket has no headers.
      subscriptionsProtocol: 'SSE',
      // Otherwise subscriptions go by GET, with all of their text in the URL.
      method: 'POST',
      storage: store,
      shouldPersistHeaders: true,
      showPersistHeadersSettings: false,
      headers,
      defaultTabs: boot.operations.map((query) => ({ query, headers })),
      defaultEditorToolsVisibility: 'headers',
      // GraphiQL would copy each edit into the address: into the server's logs, and past its limit for long ones.
      onEditQuery() {},
      onEditHeaders(text) {
        if (text !== hint) lastHeaders = text;
      },
      onTabChange() {
        queueMicrotask(shareHeaders);
      },
    });
  }

  window.MonacoEnvironment = { globalAPI: true, getWorkerUrl: (_module, label) => boot.workers[label] };
  window.addEventListener('hashchange', onHashChange);
  // Fires when the deferred scripts have run, GraphiQL's own among them.
  document.addEventListener('DOMContentLoaded', render);
}`;
