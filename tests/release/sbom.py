"""The list of what lathe is made of: valid CycloneDX, by the library of those who define it, and complete:
sbom.py LATHE SBOM."""

import json
import re
import subprocess
import sys
from pathlib import Path

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator


def main():
    binary, path = sys.argv[1:3]
    text = Path(path).read_text()
    problem = JsonStrictValidator(SchemaVersion.V1_5).validate_str(text)
    if problem:
        sys.exit(f"not CycloneDX 1.5: {problem}")
    bom = json.loads(text)
    version = subprocess.run([binary, "--version"], capture_output=True, text=True, check=True).stdout.split()[1]
    own = bom["metadata"]["component"]
    if own["version"] != version:
        sys.exit(f"it is of lathe {own['version']}, not {version}")
    for part in bom["components"]:
        installed = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", part["name"]], capture_output=True, text=True)
        if installed.stdout != part["version"] or not part["licenses"]:
            sys.exit(f"{part['name']}: version {part['version']}, installed {installed.stdout}; {part['licenses']}")
    # what the linker wrote down, without the loader's help
    dynamic = subprocess.run(["readelf", "-d", binary], capture_output=True, text=True, check=True).stdout
    names = " ".join(part["name"] for part in bom["components"])
    for needed in re.findall(r"NEEDED.*\[lib([a-zA-Z_]+)", dynamic):
        stem = {"m": "libc", "crypto": "ssl", "z": "zlib"}.get(needed, needed)
        if stem.replace("_", "-").split("-")[0] not in names:
            sys.exit(f"lib{needed} is missing among: {names}")
    print(f"{len(bom['components'])} packages")


if __name__ == "__main__":
    main()
