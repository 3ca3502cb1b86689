"""What a lathe binary is made of, as CycloneDX JSON: sbom.py LATHE VERSION OUTPUT. Components are lathe itself and every
shared library that it loads, with the version and the licences of the Debian package that it comes from. Only the
loader and dpkg are asked, so that equal builds on equal machines give equal bytes."""

import json
import re
import subprocess
import sys
from pathlib import Path

# Licences of what lathe names itself, as SPDX writes them; for the others Debian's own words.
SPDX = {
    "libc6": "LGPL-2.1-or-later", "libcurl4": "curl", "libhdf5-103-1": "BSD-3-Clause", "libjansson4": "MIT",
    "libjpeg62-turbo": "IJG AND BSD-3-Clause AND Zlib", "libopenblas0-pthread": "BSD-3-Clause", "libpng16-16": "libpng-2.0",
    "libprotobuf-c1": "BSD-2-Clause", "libssl3": "Apache-2.0", "libzip4": "BSD-3-Clause", "zlib1g": "Zlib",
}


def run(*words):
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout


def libraries(binary):
    """The files that the loader takes."""
    return sorted(set(re.findall(r"(?:=> |^\t)(/\S+) \(", run("ldd", binary), re.M)))


def package_of(path):
    """The Debian package that holds a file: dpkg knows some by their name behind the links of /usr."""
    real = Path(path).resolve()
    for name in dict.fromkeys([str(real), str(real).removeprefix("/usr"), path, path.removeprefix("/usr")]):
        done = subprocess.run(["dpkg-query", "-S", name], capture_output=True, text=True)
        if done.returncode == 0:
            return done.stdout.split(": ")[0].split(",")[0]
    sys.exit(f"{path}: of no Debian package")


def licences(package):
    if package in SPDX:
        return [{"expression": SPDX[package]}]
    text = Path(f"/usr/share/doc/{package}/copyright")
    names = re.findall(r"^License: *(\S[^\n]*)$", text.read_text(errors="replace"), re.M) if text.exists() else []
    return [{"license": {"name": name}} for name in sorted(set(names)) or ["see the package's copyright file"]]


def component(package):
    name, version = run("dpkg-query", "-W", "-f", "${source:Package} ${Version}", package).split()
    bare = package.split(":")[0]
    return {
        "type": "library", "bom-ref": f"pkg:deb/debian/{bare}@{version}", "name": bare, "version": version,
        "licenses": licences(bare), "purl": f"pkg:deb/debian/{bare}@{version}",
        "properties": [{"name": "debian:source", "value": name}],
    }


def main():
    binary, version, output = sys.argv[1:4]
    parts = [component(package) for package in sorted({package_of(path) for path in libraries(binary)})]
    own = {"type": "application", "bom-ref": "lathe", "name": "lathe", "version": version,
           "licenses": [{"license": {"id": "MIT"}}]}
    bom = {
        "bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1, "metadata": {"component": own}, "components": parts,
        "dependencies": [{"ref": "lathe", "dependsOn": [part["bom-ref"] for part in parts]}],
    }
    Path(output).write_text(json.dumps(bom, indent=1) + "\n")


if __name__ == "__main__":
    main()
