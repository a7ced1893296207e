"""Makes the package that brings the compiled addon: package.py --addon FILE
--curl FOLDER --out TARBALL.

It is what `npm pack` makes of bindings/node, but with haplopoll.node in place
of its sources, with nothing to do at installation, only for the platform that
it was compiled for, and with the licences of what is linked into it.
"""
import argparse
import json
import pathlib
import shutil
import subprocess
import tempfile

SOURCE = pathlib.Path(__file__).resolve().parents[1]
LICENCE = SOURCE.parents[1] / "LICENSE"
APACHE = pathlib.Path("/usr/share/common-licenses/Apache-2.0")
# Packages of what is linked, with Debian's copyright files.
LINKED = ["libssl-dev", "libyajl-dev", "libxxhash-dev", "libtre-dev",
          "zlib1g-dev"]


def package_json(version_of):
    """That of the source, changed."""
    described = json.loads((SOURCE / "package.json").read_text())
    described.pop("scripts", None)
    described |= {"os": ["linux"], "cpu": ["x64"], "libc": ["glibc"]}
    described["files"] = [name for name in described["files"]
                          if name not in ("Makefile", "src")]
    described["files"] += ["haplopoll.node", "NOTICE"]
    described["haplopoll"] = {"linked": version_of}
    return json.dumps(described, indent=2) + "\n"


def versions(curl):
    """What is linked, by Debian's names."""
    name, version = (curl / "version").read_text().strip().split("_", 1)
    known = {name: version}
    for package in LINKED:
        known[package] = subprocess.run(
            ["dpkg-query", "-W", "-f", "${Version}", package], check=True,
            text=True, stdout=subprocess.PIPE).stdout
    return known


def notice(curl):
    """The licences, one after the other."""
    yield "curl", (curl / "COPYING").read_text()
    for package in LINKED:
        path = pathlib.Path("/usr/share/doc", package, "copyright")
        yield package, path.read_text(encoding="utf-8")
    yield "the Apache License 2.0, of OpenSSL", APACHE.read_text()


def fill(folder, addon, curl):
    """Puts together what npm packs."""
    (folder / "package.json").write_text(package_json(versions(curl)))
    for path in SOURCE.iterdir():
        if path.suffix in (".js", ".ts", ".md"):
            shutil.copy(path, folder)
    shutil.copy(addon, folder / "haplopoll.node")
    shutil.copy(LICENCE, folder)
    (folder / "NOTICE").write_text("\n".join(
        f"== {name} ==\n\n{text}" for name, text in notice(curl)))


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--addon", type=pathlib.Path, required=True)
    options.add_argument("--curl", type=pathlib.Path, required=True)
    options.add_argument("--out", type=pathlib.Path, required=True)
    options = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="haplo-package-") as name:
        folder = pathlib.Path(name)
        fill(folder, options.addon, options.curl)
        packed = subprocess.run(
            ["npm", "pack", "--silent", f"--pack-destination={folder}"],
            check=True, text=True, cwd=folder,
            stdout=subprocess.PIPE).stdout.strip()
        shutil.move(folder / packed, options.out)


if __name__ == "__main__":
    main()
