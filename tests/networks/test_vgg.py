"""VGG-16 and the slim VGG, layer by layer; pictures; files of weights."""

from __future__ import annotations

import hashlib
import pickle
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from dstan.errors import ConfigError
from dstan.networks import vgg
from dstan.networks.network import count_parameters
from dstan.networks.vgg import (
    IMAGENET_MEAN,
    IMAGENET_SCALE,
    SlimVGG,
    ThreeChannels,
    file_digest,
    picture_of,
    read_vgg16,
    through_eight_bits,
    vgg16_convolutions,
)

NUMBERS = (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28)
"""Of the convolutions, in torchvision."""
WIDTHS = (64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512, 512)


def state(classes: int = 1000) -> dict[str, Tensor]:
    """Draw a VGG-16 as torchvision writes it; each layer is one row many times, which makes the file small."""
    torch.manual_seed(0)
    shapes = {}
    for number, before, width in zip(NUMBERS, (3, *WIDTHS), WIDTHS, strict=False):
        shapes[f"features.{number}"] = (width, before, 3, 3)
    shapes |= {"classifier.0": (4096, 25088), "classifier.3": (4096, 4096), "classifier.6": (classes, 4096)}
    found = {}
    for name, shape in shapes.items():
        found[f"{name}.weight"] = torch.randn(1, *shape[1:]).expand(shape)
        found[f"{name}.bias"] = torch.randn(1).expand(shape[0])
    return found


def file_of(folder: Path, content: object) -> Path:
    torch.save(content, folder / "weights.pth")
    return folder / "weights.pth"


@pytest.mark.parametrize(("channels", "parameters"), [(1, 245_104), (3, 245_392)])
def test_the_slim_vgg_has_the_layers_of_its_table(channels: int, parameters: int) -> None:
    network = SlimVGG(channels)
    assert [count_parameters(block) for block in network.blocks] == [144 * channels + 32, 4672, 18560, 73984, 147_712]
    assert count_parameters(network) == parameters
    x, shapes = torch.randn(2, channels, 64, 48), []
    for block in network.blocks:
        x = block(x)
        shapes.append(tuple(x.shape[1:]))
    assert shapes == [(16, 32, 24), (32, 16, 12), (64, 8, 6), (128, 4, 3), (128, 4, 3)]
    assert network(torch.randn(1, channels, 32, 32)).shape == (1, 128, 2, 2)


def test_the_slim_vgg_is_convolution_batch_norm_relu_and_pooling_written_out() -> None:
    torch.manual_seed(0)
    network = SlimVGG(2, (3, 4, 5, 6, 7))
    network.train()(torch.randn(4, 2, 32, 32))  # moves the running statistics away from 0 and 1
    network.eval()
    x = given = torch.randn(2, 2, 48, 32)
    for index, block in enumerate(network.blocks):
        conv, norm = (part for part in block.modules() if isinstance(part, (nn.Conv2d, nn.BatchNorm2d)))
        z = functional.conv2d(x, conv.weight, padding=1)
        z = (z - norm.running_mean[:, None, None]) / torch.sqrt(norm.running_var[:, None, None] + norm.eps)
        z = torch.clamp(norm.weight[:, None, None] * z + norm.bias[:, None, None], min=0)
        x = z if index == 4 else functional.max_pool2d(z, 2)
    torch.testing.assert_close(network(given), x, atol=1e-5, rtol=1e-4)


def test_vgg_16_has_the_layers_of_its_table() -> None:
    with torch.device("meta"):
        network, x = vgg16_convolutions(), torch.zeros(2, 3, 224, 224)
    names = [name for name in network.state_dict() if name.endswith("weight")]
    assert names == [f"{number}.weight" for number in NUMBERS]
    shapes, counts = [], []
    for layer in network:
        x = layer(x)
        if isinstance(layer, nn.Conv2d):
            shapes.append(tuple(x.shape[1:]))
            counts.append(count_parameters(layer))
    sides = (224, 224, 112, 112, 56, 56, 56, 28, 28, 28, 14, 14, 14)
    assert shapes == [(width, side, side) for width, side in zip(WIDTHS, sides, strict=True)]
    groups = [sum(counts[a:b]) for a, b in ((0, 2), (2, 4), (4, 7), (7, 10), (10, 13))]
    assert groups == [38_720, 221_440, 1_475_328, 5_899_776, 7_079_424]
    assert count_parameters(network) == sum(groups) == 14_714_688
    assert x.shape == (2, 512, 14, 14)


def test_vgg_16_is_its_convolutions_written_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vgg, "VGG16", ((2, 3), (4, 3), (2, 3, 4), (5, 3, 4), (2, 5, 6)))
    torch.manual_seed(0)
    network = vgg16_convolutions()
    weights, x = network.state_dict(), torch.randn(2, 3, 48, 32)
    found = network(x)
    for number in NUMBERS:
        if number in (5, 10, 17, 24):
            x = functional.max_pool2d(x, 2)
        x = functional.relu(functional.conv2d(x, weights[f"{number}.weight"], weights[f"{number}.bias"], padding=1))
    assert found.std() > 0
    torch.testing.assert_close(found, x)


def flow_of(u: float, v: float) -> Tensor:
    return torch.tensor([u, v, (u * u + v * v) ** 0.5])


def test_no_motion_is_grey_and_motion_is_16_levels_a_pixel() -> None:
    assert picture_of(flow_of(0, 0), "flow").tolist() == [128, 128, 128]
    torch.testing.assert_close(picture_of(flow_of(1, -1), "flow"), torch.tensor([144, 112, 150.6274]))
    assert picture_of(through_eight_bits(flow_of(1, -1), "flow"), "flow").tolist() == [144, 112, 151]
    assert picture_of(flow_of(20, -20), "flow").tolist() == [255, 0, 255]


def test_strain_and_grey_values_are_brightness() -> None:
    assert picture_of(torch.tensor([0.0, 0.2, 3.0]), "strain").tolist() == [0, 51, 255]
    assert picture_of(torch.tensor([0.0, 99.5, 255.0]), "grey").tolist() == [0, 99.5, 255]


def test_eight_bits_lose_motion_below_a_32nd_of_a_pixel() -> None:
    given = torch.tensor([0.03, -0.03, 0.04, 0.5, 9.0])
    assert through_eight_bits(given, "flow").tolist() == [0, 0, 0.0625, 0.5, 127 / 16]
    assert through_eight_bits(torch.tensor([0.0019, 0.2]), "strain").tolist() == [0, pytest.approx(0.2)]
    assert through_eight_bits(torch.tensor([9.4, 9.6]), "grey").tolist() == [9, 10]


def test_three_channels_are_standardised_as_imagenet_s_were() -> None:
    mean, scale = torch.tensor(IMAGENET_MEAN), torch.tensor(IMAGENET_SCALE)
    still = ThreeChannels("flow")(torch.zeros(1, 3, 2, 2))
    torch.testing.assert_close(still[0, :, 0, 0], (128 / 255 - mean) / scale)
    grey = ThreeChannels("grey")(torch.tensor([[[[51.0, 255.0]]]]))
    torch.testing.assert_close(grey[0, :, 0, 0], (0.2 - mean) / scale)
    torch.testing.assert_close(grey[0, :, 0, 1], (1 - mean) / scale)
    strain = ThreeChannels("strain")(torch.full((1, 1, 2, 2), 0.2))
    torch.testing.assert_close(strain, grey[..., :1].expand(-1, -1, 2, 2))


def test_a_red_image_stays_red() -> None:
    red = torch.tensor([127 / 16, -8, -8])[:, None, None].expand(3, 5, 4)
    seen = ThreeChannels("flow")(torch.stack([torch.zeros(3, 5, 4), red]))[1]
    back = (seen * torch.tensor(IMAGENET_SCALE)[:, None, None] + torch.tensor(IMAGENET_MEAN)[:, None, None]) * 255
    wanted = torch.tensor([255.0, 0, 0])[:, None, None].expand(3, 5, 4)
    torch.testing.assert_close(back, wanted, atol=1e-4, rtol=0)


def test_half_precision_does_not_make_whole_numbers_of_a_picture() -> None:
    faint = torch.full((1, 3, 1, 1), 0.02, dtype=torch.bfloat16)  # 0.32 levels
    with torch.autocast("cpu", dtype=torch.bfloat16):
        seen, still = ThreeChannels("flow")(faint), ThreeChannels("flow")(torch.zeros_like(faint))
    assert seen.dtype == torch.float32
    difference = (seen - still)[0, :, 0, 0] * torch.tensor(IMAGENET_SCALE) * 255
    torch.testing.assert_close(difference, torch.full((3,), 0.32), atol=0.002, rtol=0)


@pytest.mark.parametrize("classes", [1000, 2622])
@pytest.mark.parametrize("half", [False, True])
def test_a_file_of_torchvision_s_vgg_16_is_read(tmp_path: Path, classes: int, half: bool) -> None:
    given = {name: value.half() if half else value for name, value in state(classes).items()}
    found = read_vgg16(file_of(tmp_path, given))
    assert len(found) == 30
    assert found.keys() == {name for name in given if not name.startswith("classifier.6")}
    for name, value in found.items():
        assert value.dtype == torch.float32
        assert value.shape == given[name].shape
        assert torch.equal(value.flatten()[:50], given[name].float().flatten()[:50])


def test_the_convolutions_take_what_was_read(tmp_path: Path) -> None:
    given = state()
    network = nn.ModuleDict({"features": vgg16_convolutions()})
    read = read_vgg16(file_of(tmp_path, given))
    network.load_state_dict({name: value for name, value in read.items() if name.startswith("features")})
    assert torch.equal(network.get_parameter("features.28.weight"), given["features.28.weight"])


def _without(name: str) -> dict[str, Tensor]:
    return {key: value for key, value in state().items() if key != name}


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ([1, 2], "holds no state dictionary"),
        ({"state_dict": {}}, "holds no state dictionary"),
        ({1: torch.zeros(2), "features.0.weight": torch.zeros(2)}, "holds no state dictionary"),
        ({}, "features.0.weight is missing"),
        (_without("features.28.bias"), "features.28.bias is missing"),
        (_without("classifier.3.weight"), "classifier.3.weight is missing"),
        (state() | {"features.5.weight": torch.zeros(128, 64, 1, 1)}, r"features.5.weight has the shape \(128, 64, 1"),
        (state() | {"features.1.running_mean": torch.zeros(64)}, "features.1.running_mean is not part of it"),
    ],
)
def test_another_content_is_named(tmp_path: Path, content: object, says: str) -> None:
    path = file_of(tmp_path, content)
    with pytest.raises(ConfigError, match=says) as caught:
        read_vgg16(path)
    assert caught.value.where == str(path)
    assert "VGG-16" in str(caught.value) or "vgg16.state_dict()" in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"PK", b"no weights at all", pickle.dumps({"a": 1}), b"\x80\x04garbage"])
def test_a_file_that_pytorch_did_not_write_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "weights.pth"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match="weights"):
        read_vgg16(path)


class _Dangerous:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.path,)


def test_nothing_in_a_file_is_executed(tmp_path: Path) -> None:
    path = file_of(tmp_path, {"features.0.weight": _Dangerous(tmp_path / "was here")})
    with pytest.raises(ConfigError, match="not a file of weights"):
        read_vgg16(path)
    assert not (tmp_path / "was here").exists()


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    for path in (tmp_path / "nowhere.pth", tmp_path):
        with pytest.raises(ConfigError, match="the weights cannot be read") as caught:
            read_vgg16(path)
        assert caught.value.where == str(path)
        assert "from scratch" in str(caught.value)


def test_the_digest_is_that_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"weights")
    assert file_digest(path) == hashlib.sha256(b"weights").hexdigest()
