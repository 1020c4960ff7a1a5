"""
vitgrad's CompactTransformer in PyTorch (Hassani et al. 2021, arXiv 2104.05704): the names of parameters, the initial values and the order of
layers of its authors' program.
"""
import torch
from torch import nn


class DropPath(nn.Module):
    """In training, skips whole samples with probability p."""

    def __init__(self, p):
        super().__init__()
        self.p = p

    def forward(self, x):
        if not self.training or self.p == 0:
            return x
        keep = x.new_empty((len(x),) + (1,) * (x.ndim - 1)).bernoulli_(1 - self.p)
        return x * keep.div_(1 - self.p)


class Tokenizer(nn.Module):
    """Convolutions, each followed by a pooling that halves height and width, cut a picture into overlapping patches."""

    def __init__(self, channels, kernel_size, norm):
        super().__init__()
        self.conv_layers = nn.Sequential(*(self.layer(before, after, kernel_size, norm) for before, after in zip(channels, channels[1:])))
        for layer in self.conv_layers:
            nn.init.kaiming_normal_(layer[0].weight)

    @staticmethod
    def layer(before, after, kernel_size, norm):
        convolution, pooling = nn.Conv2d(before, after, kernel_size, padding=kernel_size // 2, bias=False), nn.MaxPool2d(3, stride=2, padding=1)
        return nn.Sequential(convolution, pooling, *([nn.BatchNorm2d(after)] if norm else []), nn.ReLU())

    def forward(self, x):
        return self.conv_layers(x).flatten(2).transpose(1, 2)


class Attention(nn.Module):
    def __init__(self, dim, heads, dropout, attention_dropout):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(dim, 3 * dim, bias=False)
        self.attn_drop = nn.Dropout(attention_dropout)
        self.proj = nn.Linear(dim, dim)
        self.proj_drop = nn.Dropout(dropout)

    def forward(self, x):
        batch, tokens, dim = x.shape
        q, k, v = self.qkv(x).reshape(batch, tokens, 3, self.heads, dim // self.heads).permute(2, 0, 3, 1, 4).unbind(0)
        weights = (q * (dim // self.heads) ** -0.5 @ k.transpose(-2, -1)).softmax(dim=-1)
        mixed = self.attn_drop(weights) @ v
        return self.proj_drop(self.proj(mixed.transpose(1, 2).reshape(batch, tokens, dim)))


class Block(nn.Module):
    def __init__(self, dim, heads, hidden, dropout, attention_dropout, drop_path):
        super().__init__()
        self.pre_norm = nn.LayerNorm(dim)
        self.self_attn = Attention(dim, heads, dropout, attention_dropout)
        self.linear1 = nn.Linear(dim, hidden)
        self.activation = nn.GELU()
        self.dropout1 = nn.Dropout(dropout)
        self.norm1 = nn.LayerNorm(dim)
        self.linear2 = nn.Linear(hidden, dim)
        self.dropout2 = nn.Dropout(dropout)
        self.drop_path = DropPath(drop_path)

    def forward(self, x):
        y = self.norm1(x + self.drop_path(self.self_attn(self.pre_norm(x))))
        return y + self.drop_path(self.dropout2(self.linear2(self.dropout1(self.activation(self.linear1(y))))))


class Classifier(nn.Module):
    """From tokens to class scores: a weighted mean of all tokens takes the place of the class token."""

    def __init__(self, tokens, dim, depth, heads, hidden, classes, positions, dropout, attention_dropout, drop_path):
        super().__init__()
        self.attention_pool = nn.Linear(dim, 1)
        self.positional_emb = positional_embedding(positions, tokens, dim)
        self.dropout = nn.Dropout(dropout)
        rates = [drop_path * i / max(1, depth - 1) for i in range(depth)]
        self.blocks = nn.ModuleList([Block(dim, heads, hidden, dropout, attention_dropout, rate) for rate in rates])
        self.norm = nn.LayerNorm(dim)
        self.fc = nn.Linear(dim, classes)
        self.apply(self.initialize)

    @staticmethod
    def initialize(module):
        if isinstance(module, nn.Linear):
            nn.init.trunc_normal_(module.weight, std=0.02)
            if module.bias is not None:
                nn.init.zeros_(module.bias)

    def forward(self, x):
        x = self.dropout(x if self.positional_emb is None else x + self.positional_emb)
        for block in self.blocks:
            x = block(x)
        x = self.norm(x)
        return self.fc((self.attention_pool(x).softmax(dim=1).transpose(1, 2) @ x).squeeze(1))


def positional_embedding(positions, tokens, dim):
    if positions == 'none':
        return None
    if positions == 'learnable':
        return nn.Parameter(nn.init.trunc_normal_(torch.zeros(1, tokens, dim), std=0.2))
    angles = torch.tensor([[p / 10000 ** (2 * (i // 2) / dim) for i in range(dim)] for p in range(tokens)])
    angles[:, 0::2], angles[:, 1::2] = angles[:, 0::2].sin(), angles[:, 1::2].cos()
    return nn.Parameter(angles[None], requires_grad=False)


class CompactTransformer(nn.Module):
    """From pictures (B, C, H, W) to class scores (B, classes)."""

    def __init__(self, image_size, classes, dim, depth, heads, mlp_ratio=2, conv_layers=1, conv_channels=None, conv_norm=False, kernel_size=3, positions='learnable',
                 dropout=0.0, attention_dropout=0.1, drop_path=0.1, channels=3):
        super().__init__()
        between = [64] * (conv_layers - 1) if conv_channels is None else conv_channels
        self.tokenizer = Tokenizer([channels, *between, dim], kernel_size, conv_norm)
        side = image_size
        for _ in range(conv_layers):
            side = (side + 1) // 2
        self.classifier = Classifier(side * side, dim, depth, heads, int(dim * mlp_ratio), classes, positions, dropout, attention_dropout, drop_path)

    def forward(self, x):
        return self.classifier(self.tokenizer(x))
