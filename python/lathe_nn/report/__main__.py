"""The command behind `lathe report`: `python -m lathe_nn.report`, or this file itself.

It imports nothing that has to be installed before it has checked that all of it is there."""
import argparse
import importlib.util
import os
import signal
import sys

PACKAGES = {"numpy": "numpy", "sklearn": "scikit-learn", "matplotlib": "matplotlib", "seaborn": "seaborn",
            "PIL": "Pillow"}
HERE = os.path.dirname(os.path.abspath(__file__))
REQUIREMENTS = os.path.join(HERE, "..", "..", "requirements-report.txt")


def fail(message: str) -> int:
    print("lathe: error: %s" % message, file=sys.stderr)
    return 1


def missing_packages() -> list[str]:
    return [name for module, name in PACKAGES.items() if importlib.util.find_spec(module) is None]


def missing_message(missing: list[str]) -> str:
    path = os.path.normpath(REQUIREMENTS)
    wanted = "-r " + path if os.path.exists(path) else " ".join(missing)
    return ("lathe report needs the Python packages %s: %s -m pip install %s  (in a virtual environment; "
            "LATHE_PYTHON names its python)" % (", ".join(missing), sys.executable, wanted))


def arguments() -> argparse.Namespace:
    p = argparse.ArgumentParser(prog="lathe_nn.report", description=__doc__.split("\n")[0])
    p.add_argument("--lathe", required=True, help="the command lathe")
    p.add_argument("--run", required=True, help="the folder that lathe train wrote")
    p.add_argument("--script", required=True, help="the model's description")
    p.add_argument("--model", help="the variable that holds the model")
    p.add_argument("--data", required=True, help="the folder of samples that lathe report wrote")
    p.add_argument("--output", required=True, help="the folder that is made")
    p.add_argument("--image", type=int, default=1, help="the image whose feature maps are drawn, from 1")
    return p.parse_args()


def stop(number: int, frame: object) -> None:
    signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def main() -> int:
    options = arguments()
    signal.signal(signal.SIGTERM, stop)  # as Ctrl-C: what was begun is removed
    if sys.version_info < (3, 11):
        return fail("lathe report needs Python 3.11 or later; %s is %s (LATHE_PYTHON names another)"
                    % (sys.executable, sys.version.split()[0]))
    missing = missing_packages()
    if missing:
        return fail(missing_message(missing))
    os.environ["LATHE"] = options.lathe
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # waiting threads leave the processor to others
    if not __package__:
        sys.path[0] = os.path.join(HERE, "..", "..")
    from lathe_nn.report.build import build_report
    from lathe_nn.report.inputs import ReportError
    try:
        build_report(options)
    except ReportError as e:
        return fail(str(e))
    except OSError as e:
        return fail("%s: %s" % (e.filename or "the report", e.strerror or e))
    except KeyboardInterrupt:
        print("lathe: stopped; nothing was written", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
