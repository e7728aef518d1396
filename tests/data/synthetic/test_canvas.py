"""Projection and textured walls against a camera matrix and ray casting written here."""

from __future__ import annotations

import numpy as np
from PIL import Image

from cityseg.data.synthetic.camera import Camera
from cityseg.data.synthetic.canvas import Canvas
from cityseg.data.synthetic.indexed import PADDING, levels, texture

CAMERA = Camera(size=(96, 192), oversampling=2, focal=2.0, horizon=0.4, height=1.4, lateral=1.0, yaw=0.0, bend=0.0)


def matrix() -> np.ndarray:
    """(3, 4) projection of homogeneous world points (x right, y up, z ahead) to canvas pixels."""
    focal = 2.0 * 96 * 2
    intrinsics = np.array([[focal, 0, 192.0], [0, focal, 0.4 * 192], [0, 0, 1]])
    extrinsics = np.array([[1.0, 0, 0, 0], [0, -1, 0, 1.4], [0, 0, 1, 0]])
    return intrinsics @ extrinsics


def test_projection_is_that_of_a_camera_matrix():
    points = np.random.default_rng(0).uniform([-8, 0, 2], [8, 9, 90], (50, 3))
    homogeneous = matrix() @ np.vstack([points.T, np.ones(50)])
    expected = (homogeneous[:2] / homogeneous[2]).T
    np.testing.assert_allclose(CAMERA.project(points), expected, atol=1e-9)
    assert CAMERA.outline(points) == np.rint(expected).ravel().astype(int).tolist()
    assert CAMERA.outline(points, 2) == np.rint(expected / 2).ravel().astype(int).tolist()


def test_a_wall_shows_what_a_ray_through_each_pixel_meets():
    wide, high = 200, 120
    across, up = np.meshgrid(np.arange(wide), np.arange(high)[::-1])
    picture = Image.fromarray(np.stack([across, up, np.full_like(up, 60)], axis=2).astype(np.uint8))
    # Squares of 16 x 16 pixels, so that 256 colours hold the picture.
    picture = picture.point(lambda value: value // 16 * 16)
    near, far, tall = np.array([2.0, 0, 5.0]), np.array([3.5, 0, 14.0]), 4.0
    up_there = np.array([0, tall, 0])
    corners = np.array([near, far, far + up_there, near + up_there])
    canvas = Canvas(CAMERA, glowing=False)
    owner = canvas.own("building", depth=9.0)
    canvas.own("building")
    canvas.wall(corners, (texture(picture),), owner + 1)
    painted = np.asarray(canvas.image).astype(int)
    inverse = np.linalg.inv(matrix()[:, [0, 1, 2]])
    wrong = total = 0
    for row in range(0, 192, 3):
        for column in range(0, 384, 3):
            # The eye stands at (0, 1.4, 0); the ray meets the plane through near and far.
            ray = inverse @ np.array([column + 0.5, row + 0.5, 1.0])
            share_and_reach = np.linalg.solve(
                np.array([[far[0] - near[0], -ray[0]], [far[2] - near[2], -ray[2]]]), [-near[0], -near[2]]
            )
            share, level = share_and_reach[0], 1.4 + share_and_reach[1] * ray[1]
            inside = 0.01 < share < 0.99 and 0.1 < level < tall - 0.1
            outside = not (-0.02 < share < 1.02 and -0.1 < level < tall + 0.1)
            if inside:
                expected = np.array([int(share * wide) // 16 * 16, int(level / tall * high) // 16 * 16])
                wrong += np.abs(painted[row, column, :2] - expected).max() > 7
                total += 1
                assert painted[row, column, 3] == owner + 1
            elif outside:
                assert painted[row, column, 3] == 0
    assert total > 500
    # Pixels on the border between two squares may fall to either side.
    assert wrong / total < 0.03


def test_the_background_shows_through_a_fence_that_owns_all_of_it():
    mask = Image.new("L", (64, 64), 0)
    mask.paste(255, (0, 0, 32, 64))
    bars = levels(Image.new("RGB", (64, 64), (200, 10, 10)), mask=mask)
    canvas = Canvas(CAMERA, glowing=False)
    canvas.image.paste((0, 0, 250, 0), (0, 0, 384, 192))
    canvas.own("road")
    owner = canvas.own("fence", depth=8.0)
    canvas.wall(np.array([[-2.0, 0, 8], [2.0, 0, 8], [2.0, 3, 8], [-2.0, 3, 8]]), bars, owner)
    painted = np.asarray(canvas.image)
    left, right = painted[80, 120], painted[80, 260]
    assert left.tolist() == [200, 10, 10, owner]
    assert right.tolist() == [0, 0, 250, owner]


def test_textures_keep_their_colours_and_levels_halve():
    rng = np.random.default_rng(1)
    shades = rng.integers(0, 256, (12, 3))
    picture = Image.fromarray(shades[rng.integers(0, 12, (64, 96))].astype(np.uint8))
    pictures = levels(picture, glow=picture.convert("L"))
    assert [(found.height, found.width) for found in pictures] == [(64, 96), (32, 48), (16, 24), (8, 12)]
    full = pictures[0]
    rebuilt = full.colors[full.indices[PADDING:-PADDING]]
    assert np.abs(rebuilt - np.asarray(picture)).max() <= 4
    inks = full.inks((0.5, 1.0, 1.0), 7)
    red, owner = inks & 255, inks >> 24
    np.testing.assert_array_equal(red, (full.colors[:, 0] * 0.5).astype(int))
    assert (owner == 7).all()
