"""The lecture's failures as configurations that fail on purpose."""

from __future__ import annotations

from typing import Any

from saddlepoint.core.texts import Text
from saddlepoint.lab.failing import Failure

SMALL_DCGAN: dict[str, Any] = {
    "arch.generator_width": 16,
    "arch.discriminator_width": 16,
    "arch.discriminator_residuals": 1,
    "arch.full_resolution": False,
    "arch.latent_dim": 16,
}

FAILURES = {
    failure.name: failure
    for failure in (
        Failure(
            name="complete-collapse",
            title=Text(
                en="Complete mode collapse: one image for every z",
                vi="Sụp đổ chế độ hoàn toàn: một ảnh cho mọi z",
            ),
            story=Text(
                en="A generator without BatchNorm learns three hundred times as fast as its "
                "discriminator. It settles on the one image that the discriminator likes "
                "best, whatever z is, and the discriminator is too slow to notice that it "
                "always sees the same.",
                vi="Generator không có BatchNorm học nhanh gấp ba trăm lần discriminator. Nó "
                "dừng lại ở một ảnh mà discriminator ưa nhất, dù z là gì, và discriminator "
                "quá chậm để nhận ra rằng nó luôn thấy cùng một ảnh.",
            ),
            expected=("complete-mode-collapse", "generator-wins"),
            data="digits",
            kimg=75,
            rates=(3e-4, 1e-6),
            changes={
                "arch.generator_norm": "none",
                "arch.generator_widths": (64, 64),
                "arch.discriminator_widths": (256, 128),
            },
        ),
        Failure(
            name="partial-collapse",
            title=Text(
                en="Partial mode collapse: some of the modes are never drawn",
                vi="Sụp đổ chế độ một phần: có mode không bao giờ được vẽ",
            ),
            story=Text(
                en="Eight clusters on a circle, plain cross-entropy, a generator without "
                "BatchNorm. It covers some of the clusters and gives up the others: the "
                "discriminator judges one point at a time, so it cannot see that a cluster "
                "is empty.",
                vi="Tám cụm trên một đường tròn, cross-entropy thông thường, generator không "
                "có BatchNorm. Nó phủ một số cụm và bỏ các cụm còn lại: discriminator xét "
                "từng điểm một nên không thể thấy rằng có cụm bị bỏ trống.",
            ),
            expected=("partial-mode-collapse",),
            rates=(1e-3, 1e-3),
            changes={
                "arch.generator_norm": "none",
                "arch.generator_widths": (96, 96),
                "arch.discriminator_widths": (512, 256),
            },
        ),
        Failure(
            name="discriminator-wins",
            title=Text(
                en="The discriminator wins: the generator's gradient vanishes",
                vi="Discriminator thắng: gradient của generator triệt tiêu",
            ),
            story=Text(
                en="The minimax loss as the theory writes it, and five steps of a fast "
                "discriminator for each step of a slow generator. log(1 - D) is flat where "
                "the discriminator is certain.",
                vi="Hàm mất mát minimax đúng như lý thuyết, và năm bước của một discriminator "
                "nhanh cho mỗi bước của một generator chậm. log(1 - D) phẳng ở nơi "
                "discriminator đã chắc chắn.",
            ),
            expected=("discriminator-wins", "saturated-loss"),
            preset="gan-minimax",
            data="digits",
            kimg=150,
            check_kimg=5,
            rates=(1e-4, 1e-3),
            changes={"train.n_critic": 5},
        ),
        Failure(
            name="generator-wins",
            title=Text(
                en="The generator wins: its teacher knows nothing",
                vi="Generator thắng: người dạy nó không biết gì",
            ),
            story=Text(
                en="The discriminator learns two hundred times as slowly as the generator, so "
                "it is always behind: it rates fakes above real images, and the generator "
                "learns nothing about the data.",
                vi="Discriminator học chậm hơn generator hai trăm lần nên luôn tụt lại: nó "
                "chấm ảnh giả cao hơn ảnh thật, và generator không học được gì về dữ liệu.",
            ),
            expected=("generator-wins",),
            data="digits",
            kimg=75,
            rates=(1e-3, 5e-6),
        ),
        Failure(
            name="oscillation",
            title=Text(
                en="Oscillation: round and round without end",
                vi="Dao động: xoay vòng mãi không dừng",
            ),
            story=Text(
                en="Large learning rates and a momentum of 0.95, which suit a classifier. "
                "Each player overshoots the other, and the samples wander from mode to "
                "mode.",
                vi="Tốc độ học lớn và momentum 0,95, vốn hợp với bộ phân loại. Mỗi bên đều "
                "vượt quá bên kia, và các mẫu lang thang từ mode này sang mode khác.",
            ),
            expected=("oscillation", "learning-rate-too-high", "partial-mode-collapse"),
            rates=(5e-3, 5e-3),
            beta1=0.95,
        ),
        Failure(
            name="clipped-critic",
            title=Text(
                en="A critic clipped until it has no capacity left",
                vi="Critic bị cắt trọng số đến mức không còn năng lực",
            ),
            story=Text(
                en="Weight clipping at 0.0003. Half of the weights sit at one of the two "
                "limits, the critic is flat and nearly linear, and it cannot tell the "
                "generator where the clusters are.",
                vi="Weight clipping ở mức 0,0003. Một nửa số trọng số nằm ngay tại một trong "
                "hai giới hạn, critic phẳng và gần như tuyến tính, nên không thể cho "
                "generator biết các cụm ở đâu.",
            ),
            expected=("lipschitz-violation",),
            rates=(2e-3, 2e-3),
            changes={
                "arch.discriminator_widths": (64, 64, 64),
                "loss": {"kind": "wasserstein", "clip": 3e-4},
                "train.n_critic": 2,
            },
        ),
        Failure(
            name="latent-ignored",
            title=Text(
                en="z is ignored: one image for each label",
                vi="z bị bỏ qua: một ảnh cho mỗi nhãn",
            ),
            story=Text(
                en="A conditional generator whose z is scaled down to a hundredth, beside a "
                "label that is not. It draws one image per class, and nothing varies "
                "within a class.",
                vi="Generator có điều kiện, với z bị thu nhỏ còn một phần trăm bên cạnh nhãn "
                "không bị thu nhỏ. Nó vẽ một ảnh cho mỗi lớp, và trong một lớp không có gì "
                "thay đổi.",
            ),
            expected=("latent-ignored", "complete-mode-collapse", "partial-mode-collapse"),
            data="digits",
            kimg=75,
            rates=(1e-3, 1e-3),
            changes={"arch.conditioning": "onehot", "arch.latent_scale": 0.01},
        ),
        Failure(
            name="condition-forgotten",
            title=Text(
                en="The one-hot condition is forgotten",
                vi="Điều kiện one-hot bị quên",
            ),
            story=Text(
                en="The label is a one-hot vector beside the image, scaled down so far that "
                "the discriminator ignores it. So the generator may ignore it too: it "
                "draws any digit, whatever was asked for.",
                vi="Nhãn là một vectơ one-hot đặt cạnh ảnh, bị thu nhỏ đến mức discriminator "
                "bỏ qua. Vì thế generator cũng được phép bỏ qua: nó vẽ chữ số bất kỳ, dù "
                "được yêu cầu gì.",
            ),
            expected=("condition-ignored",),
            data="digits",
            kimg=75,
            rates=(1e-3, 1e-3),
            changes={"arch.conditioning": "onehot", "arch.label_scale": 0.001},
        ),
        Failure(
            name="dcgan-discriminator-wins",
            title=Text(
                en="DCGAN does not cure it: the discriminator wins",
                vi="DCGAN không khắc phục được: discriminator thắng",
            ),
            story=Text(
                en="Convolutions and BatchNorm instead of fully connected layers, and the "
                "same mistake: the minimax loss, and five steps of a fast discriminator "
                "for each step of a slower generator.",
                vi="Tích chập và BatchNorm thay cho các lớp kết nối đầy đủ, với cùng một sai "
                "lầm: hàm mất mát minimax, và năm bước của một discriminator nhanh cho mỗi "
                "bước của một generator chậm hơn.",
            ),
            expected=("discriminator-wins", "saturated-loss"),
            preset="dcgan",
            data="digits",
            kimg=60,
            check_kimg=5,
            rates=(5e-4, 1e-3),
            nets=SMALL_DCGAN,
            changes={
                "loss": {"kind": "minimax"},
                "train.n_critic": 5,
                # In float32 the doctor names a collapse before it (docs/log.md).
                "train.precision": "bf16",
            },
        ),
        Failure(
            name="wgan-gp-generator-wins",
            title=Text(
                en="WGAN-GP does not cure it: the critic is left behind",
                vi="WGAN-GP không khắc phục được: critic bị bỏ lại phía sau",
            ),
            story=Text(
                en="A critic with a gradient penalty that learns two hundred times as slowly "
                "as the generator, and takes one step for each of its. What it measures is "
                "not a distance yet, so the generator is led nowhere.",
                vi="Critic có gradient penalty học chậm hơn generator hai trăm lần, và chỉ đi "
                "một bước cho mỗi bước của generator. Điều nó đo chưa phải là khoảng cách, "
                "nên generator không được dẫn đi đâu cả.",
            ),
            expected=("generator-wins",),
            preset="wgan-gp",
            data="digits",
            kimg=30,
            rates=(1e-3, 5e-6),
            nets=SMALL_DCGAN,
            changes={"train.n_critic": 1},
        ),
        Failure(
            name="cgan-condition-forgotten",
            title=Text(
                en="The one-hot condition of a convolutional CGAN is forgotten",
                vi="Điều kiện one-hot của CGAN tích chập bị quên",
            ),
            story=Text(
                en="As planes beside the image, scaled down so far that the discriminator "
                "ignores them. A label that enters once, at the input, can be lost there.",
                vi="Nhãn là các mặt phẳng đặt cạnh ảnh, bị thu nhỏ đến mức discriminator bỏ "
                "qua. Nhãn chỉ đi vào một lần, ở đầu vào, thì có thể mất ngay tại đó.",
            ),
            expected=("condition-ignored",),
            # The lecture's CGAN: DCGAN's loss and BatchNorm, without what `cgan-onehot` adds.
            preset="dcgan",
            data="digits",
            kimg=40,
            rates=(1e-3, 1e-3),
            nets=SMALL_DCGAN,
            changes={"arch.conditioning": "onehot", "arch.label_scale": 0.001},
        ),
    )
}
