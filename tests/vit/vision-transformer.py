"""
Writes what PyTorch 1.13 makes of three small Vision Transformers:  /usr/bin/python3 tests/vit/vision-transformer.py

token.safetensors, average.safetensors: the model of examples/training/pytorch/vision_transformer.py, which has timm's names; the second with average
pooling, dropout, drop path, and no bias in qkv. torchvision.safetensors: torchvision 0.14's VisionTransformer, its names replaced by timm's.

Each file holds weights/NAME, pictures, labels; logits in evaluation; and of ten steps of SGD (rate 0.1, momentum 0.9) on that batch, in
training after manual_seed(0), the losses and the first gradients/NAME.
"""
import pathlib
import sys

import torch
from torch.nn import functional as F
from torchvision.models import VisionTransformer as Torchvision

HERE = pathlib.Path(__file__).parent
sys.path.insert(0, str(HERE.parent.parent / 'examples/training/pytorch'))
from train import write_safetensors  # noqa: E402
from vision_transformer import VisionTransformer  # noqa: E402

TORCHVISION_NAMES = [
    ('class_token', 'cls_token'), ('conv_proj.', 'patch_embed.proj.'), ('encoder.pos_embedding', 'pos_embed'), ('encoder.ln.', 'norm.'), ('heads.head.', 'head.'),
    ('encoder.layers.encoder_layer_', 'blocks.'), ('.ln_1.', '.norm1.'), ('.ln_2.', '.norm2.'), ('.self_attention.in_proj_', '.attn.qkv.'),
    ('.self_attention.out_proj.', '.attn.proj.'), ('.mlp.0.', '.mlp.fc1.'), ('.mlp.3.', '.mlp.fc2.'),
]


def timm_name(name):
    for old, new in TORCHVISION_NAMES:
        name = name.replace(old, new)
    return name


def main():
    size = dict(image_size=8, patch_size=4)
    models = {
        'token': VisionTransformer(**size, classes=5, dim=16, depth=2, heads=2, mlp_ratio=2),
        'average': VisionTransformer(**size, classes=5, dim=16, depth=3, heads=4, mlp_ratio=2.5, dropout=0.1, drop_path=0.3, qkv_bias=False, global_pool='avg', channels=1),
        'torchvision': Torchvision(**size, num_classes=5, hidden_dim=16, num_layers=2, num_heads=2, mlp_dim=32),
    }
    for case, model in models.items():
        torch.manual_seed(1)
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                parameter.normal_(1 if parameter.ndim == 1 and 'weight' in name else 0, 0.3)
        channels = 1 if case == 'average' else 3
        pictures, labels = torch.randn(6, channels, 8, 8), torch.randint(0, 5, (6,))
        tensors = {f'weights/{timm_name(name)}': parameter.detach().clone() for name, parameter in model.named_parameters()}
        tensors |= {'pictures': pictures, 'labels': labels.float(), 'logits': model.eval()(pictures)}

        torch.manual_seed(0)
        model.train()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
        losses = []
        for step in range(10):
            optimizer.zero_grad()
            loss = F.cross_entropy(model(pictures), labels)
            loss.backward()
            if step == 0:
                tensors |= {f'gradients/{timm_name(name)}': parameter.grad.clone() for name, parameter in model.named_parameters()}
            optimizer.step()
            losses.append(loss.item())
        tensors['losses'] = torch.tensor(losses)
        path = HERE / f'{case}.safetensors'
        write_safetensors(path, tensors, {'torch': torch.__version__})
        print(path.name, path.stat().st_size, 'bytes, losses', losses)


main()
