"""How good is an answer? Masks, classes of pixels and pictures beside what they should be."""

import numpy as np

import pixwise as px
from pixwise.evaluate.likeness import psnr, ssim
from pixwise.evaluate.regions import boundary_iou, class_quality, dice, mask_iou

picture = px.Picture.open("examples/scene.png")
found = px.segment(picture, box=(345, 320, 515, 510), model="grabcut").masks[0].open()
truth = np.roll(found, 3, axis=1)  # stands for a mask that somebody drew
print(f"IoU {mask_iou(truth, found):.3f}, Dice {dice(truth, found):.3f}, boundary {boundary_iou(truth, found):.3f}")

quality = class_quality([(truth.astype(np.uint8), found.astype(np.uint8))], classes=2)  # pairs of maps of ids
print(f"mIoU {quality.mean_iou:.3f}, of each class {quality.iou.round(3)}, {quality.accuracy:.1%} of pixels right")

pixels = picture.pixels()
noisy = np.clip(pixels + np.random.default_rng(0).normal(0, 8, pixels.shape), 0, 255).astype(np.uint8)
print(f"PSNR {psnr(pixels, noisy):.2f} dB, SSIM {ssim(pixels, noisy):.3f}")
