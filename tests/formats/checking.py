# SPDX-License-Identifier: Apache-2.0
"""What the scripts check_*.py share: the Python that has the packages, the shared folder, and the reason for not running."""
import os
import sys


def skip_for(package):
    """skip(reason): exit code 77, or a failure where WHET_REQUIRE names the package."""
    def skip(reason):
        required = package in os.environ.get("WHET_REQUIRE", "").split(",")
        print((f"{package} is required, but: " if required else f"SKIP: {package}: ") + reason)
        sys.exit(1 if required else 77)
    return skip


def other_python(*variables):
    """Goes on in the Python that the first of the variables names, if one does."""
    other = next(filter(None, map(os.environ.get, variables)), None)
    if other and "WHET_PYTHON_INNER" not in os.environ:
        os.environ["WHET_PYTHON_INNER"] = "1"
        os.execv(other, [other] + sys.argv)


def find_shared(skip):
    path = os.environ.get("WHET_SHARED") or "../shared"
    if os.path.isdir(os.path.join(path, "interop")):
        return path
    return skip("the shared folder is missing (set WHET_SHARED)")


def onnx_packages(skip, severity):
    """numpy, onnx and onnxruntime, which says nothing below `severity`."""
    try:
        import numpy
        import onnx
        import onnxruntime
    except ImportError as error:
        skip(f"{error}; name a Python with onnx and onnxruntime in WHET_PYTHON")
    onnxruntime.set_default_logger_severity(severity)
    return numpy, onnx, onnxruntime


def torchvision_operators(torch):
    """Before torchvision is imported: builds for another device have no operators and do not load without these, which
    last as long as what is returned."""
    operators = torch.library.Library("torchvision", "FRAGMENT")
    for name in ("nms", "qnms"):
        try:
            operators.define(name + "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        except RuntimeError:  # it has them
            pass
    return operators
