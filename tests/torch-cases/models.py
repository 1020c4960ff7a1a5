"""The notebook's Vision Transformer and the attention that it takes from d2l, in PyTorch: what vitgrad's models are compared with.

The notebook's last cell does not run as written; `Vit` is that cell with its names qualified by self, the class token first, and the
head applied to the class token alone. The block keeps the notebook's residual, which is taken after the first norm.
"""

import math

import torch
from torch import nn


def sequence_mask(X, valid_len, value=0):
    """X: (N, L); entries at column >= valid_len[row] are overwritten by `value`."""
    mask = torch.arange(X.size(1), dtype=torch.float32)[None, :] < valid_len[:, None]
    X[~mask] = value
    return X


def masked_softmax(X, valid_lens):
    """X: (B, queries, keys); valid_lens: None, (B,), one length a batch entry, or (B, queries), one a query.
    Masked scores become -1e6, not -inf: a row without a valid key gets equal weights, not NaN."""
    if valid_lens is None:
        return nn.functional.softmax(X, dim=-1)
    shape = X.shape
    if valid_lens.dim() == 1:
        valid_lens = torch.repeat_interleave(valid_lens, shape[1])
    else:
        valid_lens = valid_lens.reshape(-1)
    X = sequence_mask(X.reshape(-1, shape[-1]), valid_lens, value=-1e6)
    return nn.functional.softmax(X.reshape(shape), dim=-1)


class DotProductAttention(nn.Module):
    def __init__(self, dropout):
        super().__init__()
        self.dropout = nn.Dropout(dropout)

    def forward(self, queries, keys, values, valid_lens=None):
        scores = torch.bmm(queries, keys.transpose(1, 2)) / math.sqrt(queries.shape[-1])
        self.attention_weights = masked_softmax(scores, valid_lens)
        return torch.bmm(self.dropout(self.attention_weights), values)


class MultiHeadAttention(nn.Module):
    """d2l's, with Linear projections instead of LazyLinear: the initial weights are drawn in the constructor."""

    def __init__(self, num_hiddens, num_heads, dropout, bias=False):
        super().__init__()
        self.num_heads = num_heads
        self.attention = DotProductAttention(dropout)
        self.W_q = nn.Linear(num_hiddens, num_hiddens, bias=bias)
        self.W_k = nn.Linear(num_hiddens, num_hiddens, bias=bias)
        self.W_v = nn.Linear(num_hiddens, num_hiddens, bias=bias)
        self.W_o = nn.Linear(num_hiddens, num_hiddens, bias=bias)

    def forward(self, queries, keys, values, valid_lens):
        queries = self.transpose_qkv(self.W_q(queries))
        keys = self.transpose_qkv(self.W_k(keys))
        values = self.transpose_qkv(self.W_v(values))
        if valid_lens is not None:  # item 0 once for each head, then item 1, ...
            valid_lens = torch.repeat_interleave(valid_lens, repeats=self.num_heads, dim=0)
        output = self.attention(queries, keys, values, valid_lens)
        return self.W_o(self.transpose_output(output))

    def transpose_qkv(self, X):
        """(B, N, h*d) -> (B*h, N, d)"""
        X = X.reshape(X.shape[0], X.shape[1], self.num_heads, -1).permute(0, 2, 1, 3)
        return X.reshape(-1, X.shape[2], X.shape[3])

    def transpose_output(self, X):
        """(B*h, N, d) -> (B, N, h*d)"""
        X = X.reshape(-1, self.num_heads, X.shape[1], X.shape[2]).permute(0, 2, 1, 3)
        return X.reshape(X.shape[0], X.shape[1], -1)


class PatchConv(nn.Module):
    def __init__(self, patch_size):
        super().__init__()
        self.conv = nn.Conv2d(3, 3 * patch_size**2, kernel_size=patch_size, stride=patch_size)

    def forward(self, X):
        return self.conv(X).flatten(2).transpose(1, 2)


class PositionEmbedding(nn.Module):
    def __init__(self, patch_size, img_size):
        super().__init__()
        self.embeddings = 3 * patch_size**2
        self.tokens = (img_size // patch_size) ** 2 + 1
        self.cls = nn.Parameter(torch.randn(1, 1, self.embeddings))
        self.pos_emb = nn.Parameter(torch.randn(1, self.tokens, self.embeddings))

    def forward(self, X):
        return self.pos_emb + torch.concat((self.cls.expand(X.shape[0], -1, -1), X), dim=1)


class TransformerBlock(nn.Module):
    def __init__(self, tokens, embeddings, heads, dropout):
        super().__init__()
        self.norm1 = nn.LayerNorm(embeddings)
        self.Attention = MultiHeadAttention(embeddings, heads, dropout)
        self.norm2 = nn.LayerNorm(embeddings)
        self.mlp = nn.Sequential(nn.Linear(embeddings, 2 * embeddings), nn.ReLU(), nn.Linear(2 * embeddings, embeddings))

    def forward(self, X):
        X = self.norm1(X)
        X = X + self.Attention(X, X, X, valid_lens=None)
        return X + self.mlp(self.norm2(X))


class Transformer(nn.Module):
    def __init__(self, num_blocks, tokens, embeddings, heads, dropout):
        super().__init__()
        self.transformer = nn.Sequential()
        for i in range(num_blocks):
            self.transformer.add_module(f'transformer{i}', TransformerBlock(tokens, embeddings, heads, dropout))

    def forward(self, X):
        return self.transformer(X)


class Vit(nn.Module):
    """(B, 3, s, s) -> logits (B, classes). X_shape is the notebook's, and unused."""

    def __init__(self, img_size, patch_size, X_shape, num_blocks, heads, dropout, classes):
        super().__init__()
        self.patch = PatchConv(patch_size)
        self.pos = PositionEmbedding(patch_size, img_size)
        self.transformer = Transformer(num_blocks, self.pos.tokens, self.pos.embeddings, heads, dropout)
        self.mlphead = nn.Linear(self.pos.embeddings, classes)

    def forward(self, X):
        X = self.transformer(self.pos(self.patch(X)))
        return self.mlphead(X[:, 0, :])
