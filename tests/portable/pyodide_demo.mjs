// Runs the demo in Pyodide, which is CPython compiled to WebAssembly, and prints what it prints.
// usage: node pyodide_demo.mjs REPOSITORY SEED
// The network is taken away first: all that runs is in this repository and in npm's `pyodide` package.
import { loadPyodide } from "pyodide";

const [repository, seed] = process.argv.slice(2);
globalThis.fetch = () => { throw new Error("the core reached for the network"); };

const python = await loadPyodide({ env: { HOME: "/", PYTHONDONTWRITEBYTECODE: "1" } });
python.FS.mkdirTree("/course/controlplane");
python.FS.mount(python.FS.filesystems.NODEFS, { root: `${repository}/controlplane` }, "/course/controlplane");
try {
    python.runPython(`
import sys
sys.path.insert(0, "/course")
from controlplane import demo
demo.run(seed=${Number(seed)})
`);
} catch (error) { // without this, node would print a line of the minified runtime, which is a megabyte long
    console.error(error.message);
    process.exitCode = 1;
}
