"""vitgrad's Vit in PyTorch: the notebook's Vision Transformer, with its names, and from the same seed the same initial numbers."""
import math

import torch
from torch import nn


class PatchConv(nn.Module):
    """Cuts pictures into patches of 3p² numbers."""

    def __init__(self, patch_size):
        super().__init__()
        self.conv = nn.Conv2d(3, 3 * patch_size ** 2, patch_size, stride=patch_size)

    def forward(self, x):
        return self.conv(x).flatten(2).transpose(1, 2)


class PositionEmbedding(nn.Module):
    """Puts the class token in front, and tells all tokens their place."""

    def __init__(self, patch_size, image_size):
        super().__init__()
        self.embeddings = 3 * patch_size ** 2
        self.cls = nn.Parameter(torch.randn(1, 1, self.embeddings))
        self.pos_emb = nn.Parameter(torch.randn(1, (image_size // patch_size) ** 2 + 1, self.embeddings))

    def forward(self, x):
        return self.pos_emb + torch.cat([self.cls.expand(len(x), -1, -1), x], dim=1)


class MultiHeadAttention(nn.Module):
    def __init__(self, embeddings, heads, dropout):
        super().__init__()
        self.heads = heads
        self.dropout = nn.Dropout(dropout)
        self.W_q = nn.Linear(embeddings, embeddings, bias=False)
        self.W_k = nn.Linear(embeddings, embeddings, bias=False)
        self.W_v = nn.Linear(embeddings, embeddings, bias=False)
        self.W_o = nn.Linear(embeddings, embeddings, bias=False)

    def forward(self, x):
        q, k, v = (project(x).unflatten(-1, (self.heads, -1)).transpose(1, 2) for project in (self.W_q, self.W_k, self.W_v))
        weights = (q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])).softmax(dim=-1)
        return self.W_o((self.dropout(weights) @ v).transpose(1, 2).flatten(2))


class TransformerBlock(nn.Module):
    def __init__(self, embeddings, heads, dropout, prenorm):
        super().__init__()
        self.norm1 = nn.LayerNorm(embeddings)
        self.Attention = MultiHeadAttention(embeddings, heads, dropout)
        self.norm2 = nn.LayerNorm(embeddings)
        self.mlp = nn.Sequential(nn.Linear(embeddings, 2 * embeddings), nn.ReLU(), nn.Linear(2 * embeddings, embeddings))
        self.prenorm = prenorm

    def forward(self, x):
        normed = self.norm1(x)
        x = (x if self.prenorm else normed) + self.Attention(normed)
        return x + self.mlp(self.norm2(x))


class Transformer(nn.Module):
    def __init__(self, num_blocks, embeddings, heads, dropout, prenorm):
        super().__init__()
        self.transformer = nn.Sequential()
        for i in range(num_blocks):
            self.transformer.add_module(f'transformer{i}', TransformerBlock(embeddings, heads, dropout, prenorm))

    def forward(self, x):
        return self.transformer(x)


class Vit(nn.Module):
    """From pictures (B, 3, H, W) to class scores (B, classes)."""

    def __init__(self, image_size, patch_size, num_blocks, heads, dropout, classes, prenorm=False):
        super().__init__()
        self.patch = PatchConv(patch_size)
        self.pos = PositionEmbedding(patch_size, image_size)
        self.transformer = Transformer(num_blocks, self.pos.embeddings, heads, dropout, prenorm)
        self.mlphead = nn.Linear(self.pos.embeddings, classes)

    def forward(self, x):
        return self.mlphead(self.transformer(self.pos(self.patch(x)))[:, 0])
