// Citations in Jupyter: \citep[key], \citep{a,b} and \citet{key} in rendered Markdown become links.
//
// This is the file a bundler would have made: a container of webpack's module federation, as JupyterLab 4 and Notebook 7
// load it. It takes what it needs from Jupyter itself and wraps its Markdown parser. Formulas were taken out of the text
// before the parser sees it; code and links are known by their elements. What it returns is sanitised by Jupyter.
(() => {
  'use strict';

  const NAME = '@gilgamesh/citations';
  const COMMAND = /\\cite([pt]?)\*?(?:(\[[^[\]\n]*\])?(\[[^[\]\n]*\])?\{([^{}]*)\}|\[([^[\]{}]*)\])/g;
  const KEY = /^[^\s\x00-\x1f\x7f,{}]{1,200}$/u;
  const NO_TEXT = 'a, code, pre, script, style, textarea, title, kbd, samp, math, svg';
  const PATIENCE = 2000; // ms until text is shown as it is; what arrives later is put in where it stands
  const FRESH = 60000; // ms
  const AWAY = 15000; // ms without asking a database that did not answer
  const AT_ONCE = 50; // keys of one question

  const STYLE = `
    .gilgamesh-unknown { color: var(--jp-error-color1, #b42318); text-decoration: underline dotted; }
    .gilgamesh-verified { color: var(--jp-success-color1, #1a7f37); font-weight: 600; margin-left: .2em; }
    .gilgamesh-refuted { color: var(--jp-error-color1, #b42318); font-weight: 600; margin-left: .2em; }`;

  /** Places in a text where something is cited; the same as gilgamesh_db.notebooks.citing finds. */
  function citings(text) {
    const found = [];
    for (const match of text.matchAll(COMMAND)) {
      const [all, form, first, second, braced, bracketed] = match;
      const listed = braced ?? bracketed;
      const keys = listed.split(',').map(key => key.trim());
      if (listed.split('\n').length > 2 || !keys.every(key => KEY.test(key))) {
        continue;
      }
      const remarks = [first, second].map(remark => (remark ?? '').slice(1, -1).trim());
      const [before, note] = second === undefined ? ['', remarks[0]] : remarks;
      found.push({ start: match.index, end: match.index + all.length, all, keys, textual: form === 't', before, note });
    }
    return found;
  }

  /** Pieces of text of a page that a reader sees as text. */
  function texts(root) {
    const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
    const found = [];
    while (walker.nextNode()) {
      if (walker.currentNode.data.includes('\\cite') && !walker.currentNode.parentElement?.closest(NO_TEXT)) {
        found.push(walker.currentNode);
      }
    }
    return found;
  }

  /** Asks for many keys at once, remembers the answers for a while, and leaves a database that is away alone. */
  class Asking {
    constructor(path, get, atOnce) {
      this._path = path;
      this._get = get;
      this._atOnce = atOnce;
      this._known = new Map();
      this._waiting = new Map();
      this._away = 0;
    }

    /** What a key stands for; null when nobody can say. */
    one(key) {
      const known = this._known.get(key);
      if (known && Date.now() - known.at < FRESH) {
        return known.answer;
      }
      if (Date.now() < this._away) {
        return Promise.resolve(null);
      }
      const answer = new Promise(resolve => {
        if (!this._waiting.size) {
          setTimeout(() => this._ask(), 10);
        }
        this._waiting.set(key, resolve);
      });
      this._known.set(key, { at: Date.now(), answer });
      return answer;
    }

    async _ask() {
      const waiting = [...this._waiting];
      this._waiting.clear();
      for (let at = 0; at < waiting.length; at += this._atOnce) {
        const some = waiting.slice(at, at + this._atOnce);
        let answers = null;
        try {
          answers = await this._get(this._path + '?' + some.map(([key]) => 'key=' + encodeURIComponent(key)).join('&'));
        } catch (error) {
          console.warn(`${NAME}: citations stay as they are written: ${error.message}`);
          this._away = Date.now() + AWAY;
        }
        for (const [key, resolve] of some) {
          if (answers === null) {
            this._known.delete(key);
          }
          resolve(answers === null ? null : Object.hasOwn(answers, key) ? answers[key] : { unknown: true });
        }
      }
    }
  }

  function element(name, kind, title, text) {
    const made = document.createElement(name);
    made.className = kind;
    made.title = title;
    made.textContent = text;
    return made;
  }

  function mark(check) {
    return element('span', check.verified ? 'gilgamesh-verified' : 'gilgamesh-refuted', check.said, check.verified ? '✓' : '✗');
  }

  /** A link for a key, or a mark that it stands for nothing. */
  function linked(key, cited, textual) {
    if (cited.unknown) {
      return [element('span', 'gilgamesh-unknown', `no reference ${key} in the bibliography`, `${key}?`)];
    }
    const label = textual && cited.year ? `${cited.names} (${cited.year})` : `${cited.names} ${cited.year}`.trim();
    const link = element('a', 'gilgamesh-citation', cited.line, label);
    if (/^(https?:\/\/|\/(?!\/))/i.test(cited.address ?? '')) {
      link.href = cited.address;
      link.target = '_blank';
      link.rel = 'noopener noreferrer';
    }
    return [link, ...(cited.check && !cited.check.unknown ? [mark(cited.check)] : [])];
  }

  /** A citation as nodes; null while nobody can say what its keys stand for. */
  function written(citing, answers) {
    if (answers.some(answer => answer === null || answer === undefined)) {
      return null;
    }
    const nodes = [citing.textual ? '' : '(', citing.before && citing.before + ' '];
    citing.keys.forEach((key, at) => nodes.push(at ? '; ' : '', ...linked(key, answers[at], citing.textual)));
    nodes.push(citing.note && ', ' + citing.note, citing.textual ? '' : ')');
    return nodes.filter(node => node !== '');
  }

  function wait(milliseconds) {
    return new Promise(resolve => setTimeout(resolve, milliseconds));
  }

  let count = 0;

  /** HTML of a Markdown text with its citations as links. */
  async function withLinks(html, references, checks) {
    const page = document.createElement('template');
    page.innerHTML = html;
    const late = [];
    const places = texts(page.content).flatMap(text => {
      const found = citings(text.data);
      for (const citing of [...found].reverse()) {
        const rest = text.splitText(citing.start);
        rest.data = rest.data.slice(citing.all.length);
        citing.place = element('span', `gilgamesh-place-${++count}`, '', citing.all);
        citing.place.removeAttribute('title');
        rest.before(citing.place);
      }
      return found;
    });
    if (!places.length) {
      return html;
    }
    for (const citing of places) {
      const name = citing.place.className;
      const put = answers => {
        const nodes = written(citing, answers);
        // Jupyter sanitised the text meanwhile and stands elsewhere with it; the place is known by its class.
        for (const place of nodes ? [citing.place, ...document.getElementsByClassName(name)] : []) {
          place.replaceChildren(...nodes.map(node => (typeof node === 'string' ? node : node.cloneNode(true))));
        }
      };
      const asked = Promise.all(citing.keys.map(key => references.one(key)));
      late.push(asked.then(put));
      asked.then(async answers => {
        const data = answers.filter(answer => answer?.kind === 'data');
        if (data.length) {
          const marked = answers.map(async answer =>
            answer?.kind === 'data' ? { ...answer, check: await checks.one(answer.key) } : answer
          );
          put(await Promise.all(marked));
          // The text may be on its way to the page just now.
          await wait(500);
          put(await Promise.all(marked));
        }
      });
      Promise.race([asked.then(() => true), wait(PATIENCE)]).then(async inTime => {
        if (!inTime) {
          await asked;
          await wait(500);
          put(await asked);
        }
      });
    }
    await Promise.race([Promise.all(late), wait(PATIENCE)]);
    return page.innerHTML;
  }

  function plugin(parserToken, services) {
    return {
      id: `${NAME}:plugin`,
      description: 'Citations in Markdown become links.',
      autoStart: true,
      requires: [parserToken],
      activate: (app, parser) => {
        const settings = app.serviceManager.serverSettings;
        const get = async path => {
          const answer = await services.ServerConnection.makeRequest(settings.baseUrl + path, {}, settings);
          if (!answer.ok) {
            throw new Error((await answer.json().catch(() => ({}))).message ?? `the server answers ${answer.status}`);
          }
          return answer.json();
        };
        const references = new Asking('gilgamesh/citations', get, AT_ONCE);
        const checks = new Asking('gilgamesh/citations/check', get, 1);
        const render = parser.render.bind(parser);
        parser.render = async content => {
          const html = await render(content);
          if (!html.includes('\\cite')) {
            return html;
          }
          try {
            return await withLinks(html, references, checks);
          } catch (error) {
            console.warn(`${NAME}: citations stay as they are written: ${error.message}`);
            return html;
          }
        };
        document.head.append(Object.assign(document.createElement('style'), { textContent: STYLE }));
      }
    };
  }

  let shared = null;

  async function take(name) {
    const versions = Object.values(shared[name] ?? {});
    if (!versions.length) {
      throw new Error(`${NAME}: this Jupyter does not share ${name}`);
    }
    return (await versions[0].get())();
  }

  (window._JUPYTERLAB = window._JUPYTERLAB ?? {})[NAME] = {
    init: scope => {
      shared = scope;
    },
    get: async module => {
      if (module !== './extension') {
        throw new Error(`${NAME} has no module ${module}`);
      }
      const [rendermime, services] = await Promise.all(['@jupyterlab/rendermime', '@jupyterlab/services'].map(take));
      const made = { __esModule: true, default: plugin(rendermime.IMarkdownParser, services), citings, texts };
      return () => made;
    }
  };
})();
