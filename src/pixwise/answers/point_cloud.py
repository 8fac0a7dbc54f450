"""Points in space with colours, and the PLY files that viewers open.

    depth (H, W) metres, focal length ─▶ points_from_depth ─▶ PointCloud ─▶ .save_ply("room.ply")

Convention:
    The camera is the origin; x to the right, y down, z into the picture; metres. The centre of the picture lies on z.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pixwise.errors import OptionError, ShapeError, check_shape
from pixwise.whole_file import WholeFile

__all__ = ["PointCloud", "focal_from_fov", "points_from_depth"]

Floats = npt.NDArray[np.float32]
Pixels = npt.NDArray[np.uint8]

_AT_ONCE = 1_000_000  # points that are written in one step


@dataclass(frozen=True, eq=False)
class PointCloud:
    """Points in space.

    Attributes:
        xyz: (N, 3) float32, metres.
        rgb: (N, 3) uint8, their colours.
    """

    xyz: Floats
    rgb: Pixels

    def __post_init__(self) -> None:
        check_shape("xyz", self.xyz, ("N", 3), finite=True)
        check_shape("rgb", self.rgb, (len(self.xyz), 3))
        if self.rgb.dtype != np.uint8:
            raise ShapeError(f"rgb must be uint8, 0 to 255, got {self.rgb.dtype}; convert it before")

    def __len__(self) -> int:
        return len(self.xyz)

    def __repr__(self) -> str:
        return f"<PointCloud of {len(self)} points>"

    def save_ply(self, path: str | Path) -> None:
        """Write a PLY file, binary, little-endian; it is there whole or not at all.

        Raises:
            OutputError: the file cannot be written.
        """
        kind = np.dtype([("xyz", "<f4", 3), ("rgb", "u1", 3)])
        lines = [f"property float {axis}" for axis in "xyz"] + [f"property uchar {c}" for c in ("red", "green", "blue")]
        head = ["ply", "format binary_little_endian 1.0", f"element vertex {len(self)}", *lines, "end_header", ""]
        with WholeFile(Path(path)) as file:
            file.write("\n".join(head).encode())
            for start in range(0, len(self), _AT_ONCE):
                part = slice(start, start + _AT_ONCE)
                rows = np.empty(len(self.xyz[part]), kind)
                rows["xyz"], rows["rgb"] = self.xyz[part], self.rgb[part]
                file.write(rows.tobytes())


def focal_from_fov(fov_deg: float, width_px: float) -> float:
    """Focal length in pixels of a camera that sees so many degrees from the left to the right edge.

    Raises:
        OptionError: not an angle between 0 and 180.
    """
    if not 0 < fov_deg < 180:
        raise OptionError(f"fov_deg must be above 0 and below 180 degrees, got {fov_deg:g}; phones have about 65")
    return 0.5 * width_px / math.tan(math.radians(fov_deg) / 2)


def points_from_depth(depth_m: Floats, pixels: Pixels, focal_px: float, step: int = 1) -> PointCloud:
    """The points that a pinhole camera saw (Hartley and Zisserman 2004, section 6.1).

    Args:
        depth_m: (H, W) along z, not along the ray.
        pixels: (H, W, 3) uint8.
        focal_px: focal length in pixels of this picture, along both axes.
        step: every so manieth pixel in each direction.

    Returns:
        Row by row; pixels that are not in front of the camera are left out.
    """
    height, width = depth_m.shape
    z = depth_m[::step, ::step]
    x = (np.arange(0, width, step, dtype=np.float32) + np.float32(0.5 - width / 2)) / np.float32(focal_px)
    y = (np.arange(0, height, step, dtype=np.float32) + np.float32(0.5 - height / 2)) / np.float32(focal_px)
    xyz = np.stack([z * x, z * y[:, None], z], axis=-1).reshape(-1, 3)  # (N, 3)
    rgb, seen = pixels[::step, ::step].reshape(-1, 3), z.reshape(-1) > 0
    return PointCloud(xyz, np.ascontiguousarray(rgb)) if seen.all() else PointCloud(xyz[seen], rgb[seen])
