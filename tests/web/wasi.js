// Runs a program of WebAssembly's system interface as far as the tests' programs need it: words in, exit status and
// what it writes to stdout out.
async function run(base64, words) {
  const bytes = Uint8Array.from(atob(base64), c => c.charCodeAt(0)), output = [];
  let memory;
  const view = () => new DataView(memory.buffer);
  const exit = status => { throw {status}; };
  const system = {
    args_sizes_get(count, size) {
      view().setUint32(count, words.length, true);
      view().setUint32(size, words.join("").length + words.length, true);
      return 0;
    },
    args_get(pointers, text) {
      for (const word of words) {
        view().setUint32(pointers, text, true);
        pointers += 4;
        for (const c of word + "\0") view().setUint8(text++, c.charCodeAt(0));
      }
      return 0;
    },
    fd_write(file, parts, count, written) {
      let sum = 0;
      for (let i = 0; i < count; i++) {
        const at = view().getUint32(parts + 8 * i, true), size = view().getUint32(parts + 8 * i + 4, true);
        if (file === 1) output.push(...new Uint8Array(memory.buffer, at, size));
        sum += size;
      }
      view().setUint32(written, sum, true);
      return 0;
    },
    proc_exit: exit,
  };
  // There are no other files, whatever is asked of them: "bad descriptor".
  const imports = new Proxy(system, {get: (known, name) => known[name] ?? (() => 8)});
  const module = await WebAssembly.compile(bytes);
  const needed = {wasi_snapshot_preview1: {}};
  for (const {module: from, name} of WebAssembly.Module.imports(module)) needed[from][name] = imports[name];
  const {exports} = await WebAssembly.instantiate(module, needed);
  memory = exports.memory;
  let status = 0;
  try {
    exports._start();
  } catch (e) {
    if (!("status" in e)) throw e;
    status = e.status;
  }
  let text = "";
  for (const byte of output) text += String.fromCharCode(byte);
  return {status, output: btoa(text)};
}
