/* Says in JupyterLab's status bar which database notebooks are saved to. Written by hand: this is the container that
   webpack's module federation would make, with one module. What the server says comes with the page's configuration. */
var _JUPYTERLAB;
_JUPYTERLAB = _JUPYTERLAB === undefined ? {} : _JUPYTERLAB;
_JUPYTERLAB["@gilgamesh/status"] = (() => {
  let scope;

  // A package the page itself has loaded, whose tokens are recognised by identity. Notebook 7 has no status bar.
  const shared = async name => (name in scope ? (await Object.values(scope[name])[0].get())() : {});

  async function extension() {
    const { IStatusBar } = await shared("@jupyterlab/statusbar");
    const { PageConfig } = await shared("@jupyterlab/coreutils");
    const { Widget } = await shared("@lumino/widgets");
    const plugin = {
      id: "@gilgamesh/status:database",
      autoStart: true,
      optional: IStatusBar ? [IStatusBar] : [],
      activate: (app, bar) => {
        const saved = PageConfig.getOption("gilgameshSaved");
        if (!bar || !saved) return;
        const item = new Widget();
        item.addClass("jp-StatusBar-TextItem");
        item.node.textContent = PageConfig.getOption("gilgameshDatabase");
        item.node.title = saved;
        bar.registerStatusItem("@gilgamesh/status:database", { item, align: "left", rank: 100 });
      }
    };
    return () => ({ __esModule: true, default: plugin });
  }

  return {
    init: given => { scope = given; },
    get: () => extension()
  };
})();
