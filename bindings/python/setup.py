"""The extension module, for the libhaplopoll that pkg-config finds."""
import glob
import shlex
import subprocess

from setuptools import Extension, setup


def flags(which):
    return shlex.split(subprocess.run(
        ["pkg-config", which, "haplopoll", "libuv"], check=True, text=True,
        stdout=subprocess.PIPE).stdout)


setup(
    ext_modules=[Extension(
        "haplopoll._haplopoll",
        sorted(glob.glob("src/*.c")),
        depends=sorted(glob.glob("src/*.h")),
        extra_compile_args=["-std=c11", "-D_GNU_SOURCE",
                            "-fvisibility=hidden", *flags("--cflags")],
        extra_link_args=flags("--libs"),
        py_limited_api=True,
    )],
    options={"bdist_wheel": {"py_limited_api": "cp310"}},
)
