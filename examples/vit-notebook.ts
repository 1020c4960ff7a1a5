// ---
// jupyter:
//   jupytext:
//     text_representation:
//       extension: .ts
//       format_name: percent
//       format_version: '1.3'
//   kernelspec:
//     display_name: Deno
//     language: typescript
//     name: deno
// ---

// %% [markdown]
// # A Vision Transformer, piece by piece
//
// A student wrote a Vision Transformer (Dosovitskiy et al. 2021) in a PyTorch notebook: patches, class token, position
// embedding, transformer blocks, and at last the whole net. Every cell ran but the last, and one comment asked a question
// that nobody answered:
//
// ```
// return transformer(X)   # why does this fail????
// ```
//
// This notebook walks through that one again, cell by cell, in TypeScript. Headings such as `In [16]` name the original's cells.
// Where the original slips, we let the slip run, look at what it does, and repair it: twelve times in all. Then we go
// where it never got to: we train the net, look at what it predicts, and at what it looks at.
//
// Run it as a program with `npx tsx examples/vit-notebook.ts`, or open it as a notebook: jupytext reads this format, and the
// Deno kernel runs it. It takes a minute or two. Everything is seeded, so you will see the same numbers each time.

// %% [markdown]
// ## In [2]: what we need
//
// The original imports `torch`, `torch.nn` and, for its attention layer, `d2l`, the companion of the book *Dive into Deep
// Learning*. Here all three are vitgrad, which also brings small pictures to train on.

// %%
import { cat, data, einsum, manualSeed, nn, noGrad, optim, randn, tensor, vit, type Tensor } from 'vitgrad'

const F = nn.functional

// %% [markdown]
// Three tools for later. The first prints a heading, for those who read this in a terminal. The second runs something that
// should fail, and prints the error in place of stopping. The third prints a few numbers, and whether they are the ones
// that PyTorch gives for the same cell with the same seed.

// %%
function heading(text: string) {
  console.log(`\n${text}\n${'-'.repeat(text.length)}`)
}

function showError(title: string, action: () => unknown) {
  try {
    action()
    console.log(`${title}: no error`)
  } catch (error) {
    console.log(`${title}: ${error}`)
  }
}

function likePyTorch(values: Tensor, expected: readonly number[]) {
  const same = values.sub(tensor([...expected])).abs().max().item() < 1e-4
  console.log(`${values.detach()}  as in PyTorch: ${same}`)
}

// %% [markdown]
// # 1. Linear projection of flattened patches
//
// A transformer reads a list of vectors, called tokens. A picture becomes such a list when it is cut into patches:
//
// ```
//      224 pixels                  14 x 14 = 196 patches             196 tokens of 768 numbers
//   +--------------+               +--+--+--+-- ... --+
//   |              |               | 1| 2| 3|         |               1  [ . . . . . . . . ]
//   |    (3, 224,  |   cut into    +--+--+--+         |   flatten,    2  [ . . . . . . . . ]
//   |        224)  |   16 x 16     |15|16|            |   one Linear  3  [ . . . . . . . . ]
//   |              |  --------->   +--+--+            |  ---------->     ...
//   |              |               |           ... 196|             196  [ . . . . . . . . ]
//   +--------------+               +------------------+
//
//   (B, 3, 224, 224)          3 colours x 16 x 16 = 768 each             (B, 196, 768)
// ```
//
// Cutting, flattening and the linear layer together are one convolution whose stride is its kernel size, so that its
// windows do not overlap: (B, 3, 224, 224) -> (B, 768, 14, 14) -> (B, 768, 196) -> (B, 196, 768).
//
// ## In [15]: PatchConv
//
// `Patch_conv` is spelled `PatchConv` here. Everything else corresponds line by line. (A module is called like a
// function, as in Python: `this.conv(X)` runs its `forward`.)

// %%
class PatchConv extends nn.Module {
  readonly conv: nn.Conv2d

  constructor(patchSize: number) {
    super()
    const outDim = 3 * patchSize * patchSize // 3 · 16 · 16 = 768
    this.conv = new nn.Conv2d(3, outDim, patchSize, { stride: patchSize })
  }
  /** (B, 3, H, W) -> (B, H/p · W/p, 3p²) */
  forward(X: Tensor): Tensor {
    return this.conv(X).flatten(2).transpose(1, 2)
  }
}

// %% [markdown]
// ## In [16]: its shape
//
// Cells that draw random numbers begin with `manualSeed`, so that they give the same when they are run again or in another order.

// %%
heading('1. Linear projection of flattened patches')
manualSeed(16)
const pictures224 = randn([2, 3, 224, 224])
const layer = new PatchConv(16)
const output = layer(pictures224)
console.log('In [16]', output.shape)
console.log(String(layer))

// %% [markdown]
// The random numbers are PyTorch's, and so are the results. In Python, after `torch.manual_seed(16)`, `output[0, 0, :4]` is
//
//     tensor([ 0.0983, -0.2687,  0.3003, -0.2528], grad_fn=<SliceBackward0>)

// %%
likePyTorch(output.at(0, 0, ':4'), [0.0983, -0.2687, 0.3003, -0.2528])

// %% [markdown]
// Is the convolution really *cut, flatten, Linear*? Let us do it the long way: split height and width into 14 times 16,
// bring the two 14s together, flatten each patch to 768 numbers, and use the convolution's own weights as a matrix.

// %%
const cut = pictures224.reshape(2, 3, 14, 16, 14, 16).permute(0, 2, 4, 1, 3, 5).reshape(2, 196, 768)
const projected = F.linear(cut, layer.conv.weight.reshape(768, 768), layer.conv.bias)
console.log('cut, flatten, Linear gives the same as the convolution:', projected.sub(output).abs().max().item() < 1e-5)

// %% [markdown]
// The original's comment says that the patch size must divide the image size. Nothing checks it: with pictures
// of 230 pixels there are still 14 x 14 patches, and six rows and columns of pixels are dropped without a word.

// %%
console.log('from 230 x 230 pixels:', noGrad(() => layer(randn([1, 3, 230, 230]))).shape)

// %% [markdown]
// # 2. Position embedding and class token
//
// Attention treats its tokens as a set: it does not know which patch was where. So a learned vector is added to every position.
// One more token stands for no patch at all: the class token, which collects what the classifier will read.
//
// ```
//   196 patches            [p1] [p2] [p3] ... [p196]
//   + class token          [p1] [p2] [p3] ... [p196] [cls]       <- where In [28] puts it
//                            +    +    +   ...   +      +
//   position embedding     [e1] [e2] [e3] ... [e196] [e197]
// ```
//
// ## In [28]: as written
//
// The class is called `PositionEmbedding` in the original. We add `Last`, because the name will be needed for its repair.

// %%
class PositionEmbeddingLast extends nn.Module {
  readonly embeddings: number
  readonly tokens: number
  readonly cls: nn.Parameter
  readonly pos_emb: nn.Parameter

  constructor(patchSize: number, imageSize: number) {
    super()
    this.embeddings = 3 * patchSize * patchSize
    this.tokens = Math.floor(imageSize / patchSize) ** 2 + 1 // + 1: the class token has a position, too
    this.cls = new nn.Parameter(randn([1, 1, this.embeddings]))
    this.pos_emb = new nn.Parameter(randn([1, this.tokens, this.embeddings]))
  }
  /** (B, N, E) -> (B, N + 1, E) */
  forward(X: Tensor): Tensor {
    const cls = this.cls.expand(X.shape[0], -1, -1) // (1, 1, E) -> (B, 1, E)
    return this.pos_emb.add(cat([X, cls], 1))
  }
}

// %% [markdown]
// ## In [29]: its shape

// %%
heading('2. Position embedding and class token')
manualSeed(29)
const posEmb = new PositionEmbeddingLast(16, 224)
const x = posEmb(output)
console.log('In [29]', x.shape)
likePyTorch(x.at(0, 0, ':4'), [-0.3698, -0.6532, 0.4298, -1.631])

// %% [markdown]
// ## Slip 1: the class token is last, but index 0 is read
//
// In [41] will take `transformer_output[:, 0, :]` for the class token. Which token is that? Before any attention, the class token
// is the same for every picture, and a patch is not. So compare two different pictures at the first and at the last index:

// %%
const sameInBoth = (token: number) => x.at(0, token).equal(x.at(1, token))
console.log('slip 1: token   0 is the same in both pictures:', sameInBoth(0))
console.log('        token 196 is the same in both pictures:', sameInBoth(196))

// %% [markdown]
// Index 0 is the first *patch*, the top left corner. The shape is right all the same, so nothing fails; the classifier would
// just be reading the wrong token. (It could even learn: attention lets the corner see everything, too. Such slips live long.)
//
// The repair is one word's place: `cat([cls, X])`. There is a position for every token, so either order works, as long as
// writer and reader agree.

// %%
class PositionEmbedding extends PositionEmbeddingLast {
  override forward(X: Tensor): Tensor {
    const cls = this.cls.expand(X.shape[0], -1, -1)
    return this.pos_emb.add(cat([cls, X], 1))
  }
}

// %%
manualSeed(29)
const repairedX = new PositionEmbedding(16, 224)(output)
console.log('class token first:', repairedX.shape)
console.log('        token   0 is the same in both pictures:', repairedX.at(0, 0).equal(repairedX.at(1, 0)))

// %% [markdown]
// ## Slip 2: embeddings as loud as N(0, 1)
//
// `torch.randn` draws the class token and the positions with a standard deviation of 1. How loud are the patches that they are
// added to? We take ten of the built-in pictures (32 x 32 pixels, one of each class) with patches of 4: 64 tokens of 48 numbers.

// %%
const [tenPictures] = data.synthetic({ train: true, count: 10 }).tensors
manualSeed(9)
const patches = noGrad(() => new PatchConv(4)(tenPictures))
const positions = randn([1, 64, 48])
console.log('slip 2:', tenPictures.shape, '->', patches.shape)
console.log('standard deviation of the patches:   ', patches.std().item().toFixed(2))
console.log('standard deviation of the positions: ', positions.std().item().toFixed(2))

// %% [markdown]
// The positions are twice as loud. What does attention see, which compares the directions of vectors? Take each token of the
// first picture and the token at the same position in another picture, and measure the cosine of the angle between them: 1
// means that they point the same way, 0 that they have nothing in common. Here is the mean over all positions and nine pictures.

// %%
function cosineBetweenPictures(tokens: Tensor): string {
  const directions = tokens.div(tokens.square().sum(-1, true).sqrt())
  const cosines = einsum('ne,bne->bn', directions.at(0), directions.at('1:'))
  return cosines.mean().item().toFixed(2)
}

console.log('cosine between pictures, patches alone:    ', cosineBetweenPictures(patches))
console.log('                         + positions, 1:   ', cosineBetweenPictures(patches.add(positions)))
console.log('                         + positions, 0.02:', cosineBetweenPictures(patches.add(positions.mul(0.02))))

// %% [markdown]
// With a deviation of 1, a token mostly says *where* it is and hardly *what* is there: all pictures look alike. The usual 0.02
// leaves the signal alone, and training makes the embeddings as large as they need to be. The repair is one line for each of
// the two, after the model has been built: `nn.init.normal_(model.pos.pos_emb, 0, 0.02)`. Part 5 measures what it is worth.

// %% [markdown]
// # 3. Transformer block
//
// A block as the original writes it:
//
// ```
//        x                              x: (B, 197, 768)
//        |
//      norm1
//        |------------+
//    Attention        |                 every token looks at every other
//        |            |
//        + <----------+
//        |------------+
//      norm2          |
//       mlp           |                 every token thinks for itself: 768 -> 1536 -> 768
//        |            |
//        + <----------+
//        |
// ```
//
// ## In [30]: as written
//
// **Slip 3: arguments that do nothing.** The original's constructor also takes `tokens`, and never uses it; the last cell's
// `X_shape` is another such argument. Python does not mind. TypeScript says `'tokens' is declared but its value is never read`
// (with `noUnusedParameters`), so it is gone here.

// %%
class TransformerBlock extends nn.Module {
  readonly norm1: nn.LayerNorm
  readonly Attention: nn.MultiHeadAttention
  readonly norm2: nn.LayerNorm
  readonly mlp: nn.Sequential

  constructor(embeddings: number, heads: number, dropout: number) {
    super()
    this.norm1 = new nn.LayerNorm(embeddings)
    this.Attention = new nn.MultiHeadAttention(embeddings, heads, dropout)
    this.norm2 = new nn.LayerNorm(embeddings)
    this.mlp = new nn.Sequential(new nn.Linear(embeddings, 2 * embeddings), new nn.ReLU(), new nn.Linear(2 * embeddings, embeddings))
  }
  /** (B, N, E) -> (B, N, E) */
  forward(X: Tensor): Tensor {
    X = this.norm1(X)
    X = X.add(this.Attention(X, X, X))
    return X.add(this.mlp(this.norm2(X)))
  }
}

// %% [markdown]
// ## In [31]: its shape
//
// `eval()` switches dropout off. `noGrad` says that we only look and want no gradients, which saves time and memory.

// %%
heading('3. Transformer block')
manualSeed(31)
const block = new TransformerBlock(x.shape[2], 4, 0.2)
block.eval()
const blockOutput = noGrad(() => block(x))
console.log('In [31]', blockOutput.shape)
likePyTorch(blockOutput.at(0, 0, ':4'), [-0.8346, -0.6613, 0.3239, -1.2044])

// %% [markdown]
// The attention layer keeps its weights for us to look at. The four heads lie side by side in the batch: 2 pictures x 4 heads = 8.
// Row *i* says how much token *i* takes from each of the 197 tokens, so every row adds up to 1.

// %%
function attentionWeights(of: TransformerBlock): Tensor {
  const weights = of.Attention.attention.attention_weights
  if (weights === null) throw new Error('call the block first')
  return weights
}

const weights = attentionWeights(block)
console.log('attention weights:', weights.shape)
console.log('every row adds up to 1:', weights.sum(-1).sub(1).abs().max().item() < 1e-5)

// %% [markdown]
// One more argument does less than it seems to. The block takes a `dropout`, and it is easy to believe that it acts
// everywhere. Which dropout layers are there?

// %%
for (const [name, module] of block.namedModules()) if (module instanceof nn.Dropout) console.log('slip 3: dropout at', name, String(module))

// %% [markdown]
// Only one, on the attention weights. The paper drops after the MLP's layers and after the position embedding.
//
// ## Slip 4: the residual is taken after the norm
//
// `X = this.norm1(X)` overwrites the only copy of the input. What is added to the attention's result is not what came in,
// but its *normalised* version. The standard block (pre-norm) keeps the input and normalises only what attention sees:
//
// ```
//    as written             pre-norm
//
//        x                      x
//        |                      |------------+
//      norm1                  norm1          |
//        |---------+            |            |
//    Attention     |        Attention        |
//        |         |            |            |
//        + <-------+            + <----------+
// ```

// %%
class PreNormBlock extends TransformerBlock {
  override forward(X: Tensor): Tensor {
    const normed = this.norm1(X)
    X = X.add(this.Attention(normed, normed, normed))
    return X.add(this.mlp(this.norm2(X)))
  }
}

// %% [markdown]
// A residual block that has learned nothing should pass its input on unchanged; that is what makes deep nets trainable.
// Let us take the last layer out of both branches, by setting its weights to 0:

// %%
function silence(of: TransformerBlock): TransformerBlock {
  const last = of.mlp[2]
  for (const parameter of [...of.Attention.W_o.parameters(), ...last.parameters()]) nn.init.zeros_(parameter)
  return of
}

manualSeed(7)
const tokens = randn([10, 65, 48]).mul(3)
console.log('slip 4: as written, input comes out unchanged:', noGrad(() => silence(new TransformerBlock(48, 4, 0))(tokens)).equal(tokens))
console.log('        pre-norm,   input comes out unchanged:', noGrad(() => silence(new PreNormBlock(48, 4, 0))(tokens)).equal(tokens))

// %% [markdown]
// And now over depth: twelve fresh blocks, one after the other, and the variance of what flows from each to the next, for an
// input of variance 9.

// %%
function variances(Block: typeof TransformerBlock): string {
  manualSeed(7)
  let X = tokens
  const seen = [X.var().item()]
  for (let i = 0; i < 12; i++) {
    const next = new Block(48, 4, 0)
    X = noGrad(() => next(X))
    seen.push(X.var().item())
  }
  return seen.map((variance) => variance.toFixed(2).padStart(6)).join('')
}

console.log('variance after block', Array.from({ length: 13 }, (_, i) => (i === 0 ? 'in' : String(i)).padStart(6)).join(''))
console.log('          as written', variances(TransformerBlock))
console.log('            pre-norm', variances(PreNormBlock))

// %% [markdown]
// As written, every block first squeezes the stream back to variance 1: how large the input was is forgotten at once, and
// whatever a block adds makes the next one shrink all that came before. In the pre-norm stream nothing is rescaled: each
// block adds its bit to what came in. With two blocks it makes little difference; exercise 1 asks about more. (The
// author is in good company: the book's own ViT had the same slip until August 2022.)
//
// ## Slip 5: heads that do not divide
//
// With patches of 4 a token has 48 numbers, and 4 heads get 12 each. What if somebody wants 5 heads? In the original nothing
// complains when the model is *built*. It fails in a `reshape` deep inside the first forward pass, like this:

// %%
showError('slip 5, in reshape', () => tokens.reshape(10, 65, 5, -1))

// %% [markdown]
// That message is true, but says nothing about heads. It is better to refuse at once, where the mistake is made:

// %%
showError('slip 5, at once', () => new TransformerBlock(48, 5, 0.2))

// %% [markdown]
// ## In [35]: several blocks
//
// The original adds its blocks to a `Sequential` under names of their own, and loops over them. (`Block` is our addition: it
// says which of the two blocks to use.)

// %%
class Transformer extends nn.Module {
  readonly transformer: nn.Sequential

  constructor(numBlocks: number, embeddings: number, heads: number, dropout: number, Block = TransformerBlock) {
    super()
    this.transformer = new nn.Sequential()
    for (let i = 0; i < numBlocks; i++) this.transformer.addModule(`transformer${i}`, new Block(embeddings, heads, dropout))
  }
  /** (B, N, E) -> (B, N, E) */
  forward(X: Tensor): Tensor {
    for (const blk of this.transformer) X = blk(X)
    return X
    // return transformer(X)   <- why does this fail????
  }
}

// %% [markdown]
// ## In [36]: its shape
//
// The original calls this model `transformer`, just as it called the block in In [31]. That will matter in a minute.

// %%
manualSeed(36)
const twoBlocks = new Transformer(2, x.shape[2], 4, 0.2)
twoBlocks.eval()
const transformerOutput = noGrad(() => twoBlocks(x))
console.log('In [36]', transformerOutput.shape)
likePyTorch(transformerOutput.at(0, 0, ':4'), [-0.1982, -0.3332, 0.4842, -1.4982])

// %% [markdown]
// ## In [34]: what it is made of
//
// (The numbers of the original's cells jump: it was not run from top to bottom. Keep this in mind for what comes next.)

// %%
console.log(String(twoBlocks))

// %% [markdown]
// ## In [41]: the class token, or so it says
//
// By slip 1 this is the first patch; in our repaired model it will be the class token.

// %%
console.log('In [41]', transformerOutput.at(':', 0, ':').shape)

// %% [markdown]
// ## Slip 6, the open question: why does `return transformer(X)` fail?
//
// **In Python**, a bare name inside a method is looked up in four places, in this order: the method's own local names, those
// of enclosing *functions*, the module (in a notebook: everything that the cells have defined so far), and Python's built-ins.
// Never on `self`. That the object has an attribute of this name does not matter: that one is called `self.transformer`. So
// the bare name means the notebook's global variable, and what happens depends on which cells have been run:
//
// ```
//   fresh kernel, no such variable yet         NameError: name 'transformer' is not defined
//   after In [31]: it is a Transformer_Block   no error: a single block runs, and not one of this model's
//   after In [36]: it is the very model        RecursionError: maximum recursion depth exceeded
//                  that is being called        (its forward calls transformer, whose forward calls transformer, ...)
// ```
//
// **TypeScript has the same rule.** A bare name is looked up outwards, through the blocks, functions and modules around the
// place where it is *written*, never on `this`. The function below is a small world with a `transformer` of its own. First
// it is called too early: the constant exists, but has no value yet. Then it holds the very model that is called.

// %%
const small = randn([1, 65, 48])

function theQuestion() {
  class Puzzled extends nn.Module {
    readonly transformer = new nn.Sequential(new TransformerBlock(48, 4, 0))

    forward(X: Tensor): Tensor {
      return transformer(X) // not this.transformer
    }
  }
  const model = new Puzzled()
  showError('slip 6, too early', () => model(small))
  const transformer: nn.Module = model
  showError('slip 6, the model itself', () => model(small))
}

theQuestion()

// %% [markdown]
// And where there is no such name at all, the compiler says so before anything runs, and gives the answer with it: `Cannot find
// name 'transformer'. Did you mean the instance member 'this.transformer'?` In the two cases above it cannot help: there
// is such a name, only it means something else.
//
// The answer, then: **write `self.transformer(X)`**, here `this.transformer(X)`. A `Sequential` has a forward of its own, which
// runs its modules one after the other, so the loop is not even needed:

// %%
class ShortTransformer extends Transformer {
  override forward(X: Tensor): Tensor {
    return this.transformer(X)
  }
}

manualSeed(36)
const looping = new Transformer(2, 48, 4, 0)
manualSeed(36)
const short = new ShortTransformer(2, 48, 4, 0)
console.log('slip 6, this.transformer(X) equals the loop:', noGrad(() => short(small).equal(looping(small))))

// %% [markdown]
// # 4. Net
//
// ## In [42]: as written
//
// The last cell defines the whole net, and the original never calls it. Here it is in plain JavaScript, and as a text, because
// TypeScript would not let it pass. If you add the types, the compiler finds four slips before anything runs:
//
// ```
// error TS6133: 'xShape' is declared but its value is never read.
// error TS2663: Cannot find name 'pos'. Did you mean the instance member 'this.pos'?
// error TS2554: Expected 1 arguments, but got 4.
// error TS2663: Cannot find name 'mlphead'. Did you mean the instance member 'this.mlphead'?
// ```

// %%
const cell42 = `
  return class Vit extends nn.Module {
    constructor(imageSize, patchSize, xShape, numBlocks, heads, dropout, classes) {
      super()
      this.patch = new PatchConv(patchSize)
      this.pos = new PositionEmbeddingLast(patchSize, imageSize)
      const tokens = pos.tokens
      const embeddings = pos.embeddings
      this.transformer = new Transformer(numBlocks, embeddings, heads, dropout)
      this.mlphead = new nn.Linear(embeddings, classes)
    }
    forward(X) {
      X = this.patch(X)
      X = this.pos(X)
      X = transformer(X, X, X, null)
      return mlphead(X)
      // (B, classes)
    }
  }`

// %% [markdown]
// We can run the text all the same, and choose which global variables it finds, as if earlier cells had left them behind.

// %%
const globals: Record<string, nn.Module> = {}

/** The net of In [42] for pictures of 32 pixels and patches of 4, with two blocks. */
function vitAsWritten(): nn.Module {
  const known = { nn, PatchConv, PositionEmbeddingLast, Transformer, ...globals }
  const Vit: new (...args: unknown[]) => nn.Module = new Function(...Object.keys(known), cell42)(...Object.values(known))
  return new Vit(32, 4, [2, 3, 32, 32], 2, 4, 0.2, 10)
}

// %% [markdown]
// **Slip 7: `pos.tokens`.** The constructor means `self.pos`. The notebook has a global `pos_emb`, but no `pos` at all.

// %%
heading('4. Net')
manualSeed(42)
const images = randn([2, 3, 32, 32])
showError('slip 7', () => vitAsWritten())

// %% [markdown]
// Had it been called `pos`, that would be worse: the new model would take its sizes from another one, and say nothing.
//
// **Slip 8: `transformer(...)`.** The same slip in `forward`. Suppose that some cell has left a `pos` behind:

// %%
globals.pos = new PositionEmbeddingLast(4, 32)
showError('slip 8', () => vitAsWritten()(images))

// %% [markdown]
// **Slip 9: `(X, X, X, valid_lens=None)`** is how d2l's attention is called. `Transformer.forward` takes only `X`. Python refuses:
//
// ```
// TypeError: Transformer.forward() got an unexpected keyword argument 'valid_lens'
// ```
//
// JavaScript drops arguments that nobody asked for. With a stray `transformer` around, the call gets through, to
//
// **Slip 10: `mlphead(X)`**, once more without `self`:

// %%
globals.transformer = new Transformer(2, 48, 4, 0)
showError('slip 10', () => vitAsWritten()(images))

// %% [markdown]
// **Slip 11: the head reads all tokens.** With a stray `mlphead`, too, everything runs. But the last comment promises
// `(B, classes)`:

// %%
globals.mlphead = new nn.Linear(48, 10)
const haunted = vitAsWritten()
const scores = haunted(images)
console.log('slip 11, scores:', scores.shape)

// %% [markdown]
// Ten scores for each of the 65 tokens. `X[:, 0, :]` is missing: the class token is there to be the only one that the head reads.
//
// Now imagine that only this were repaired. No error, a finite loss, a backward pass: the worst that slips 8 and 10 can do.
// Which of the model's own parameters have a gradient afterwards?

// %%
F.crossEntropy(scores.at(':', 0, ':'), [3, 8]).backward()
for (const [name, child] of haunted.namedChildren()) {
  const parameters = [...child.parameters()]
  const reached = parameters.filter((parameter) => parameter.grad !== null)
  console.log(`${name.padEnd(12)} ${reached.length} of ${parameters.length} parameters have a gradient`)
}

// %% [markdown]
// The scores were computed by two strangers. An optimizer over `model.parameters()` would never train those, and would wait
// for ever for gradients of the model's own. When a model does not learn, look for parameters whose `grad` is null.
//
// ## In [42], repaired
//
// `this.` where it belongs, one argument, the class token first, and only the class token read.

// %%
class Vit extends nn.Module {
  readonly patch: PatchConv
  readonly pos: PositionEmbedding
  readonly transformer: Transformer
  readonly mlphead: nn.Linear

  constructor(
    imageSize: number, patchSize: number, numBlocks: number, heads: number, dropout: number, classes: number,
    Block = TransformerBlock,
  ) {
    super()
    this.patch = new PatchConv(patchSize)
    this.pos = new PositionEmbedding(patchSize, imageSize)
    this.transformer = new Transformer(numBlocks, this.pos.embeddings, heads, dropout, Block)
    this.mlphead = new nn.Linear(this.pos.embeddings, classes)
  }
  /** (B, 3, H, W) -> (B, classes) */
  forward(X: Tensor): Tensor {
    X = this.patch(X)
    X = this.pos(X)
    X = this.transformer(X)
    return this.mlphead(X.at(':', 0, ':'))
  }
}

// %% [markdown]
// The model that the author had in mind: pictures of 224 pixels, patches of 16, two blocks, four heads, ten classes. (We
// only print it: you have seen its pieces at work.)

// %%
const countParameters = (model: nn.Module) => [...model.parameters()].reduce((sum, parameter) => sum + parameter.numel(), 0)
const vit224 = new Vit(224, 16, 2, 4, 0.2, 10)
console.log(String(vit224))
console.log('parameters:', countParameters(vit224))

// %% [markdown]
// And one for small pictures (32 pixels, patches of 4, six blocks), with its shapes on the way from pictures to scores:

// %%
manualSeed(0)
const vit32 = new Vit(32, 4, 6, 4, 0.1, 10)
vit32.eval()
noGrad(() => {
  let X = vit32.patch(images)
  console.log('patch      ', X.shape)
  X = vit32.pos(X)
  console.log('pos        ', X.shape)
  X = vit32.transformer(X)
  console.log('transformer', X.shape)
  console.log('class token', X.at(':', 0, ':').shape)
  console.log('scores     ', vit32(images).shape)
})
console.log('parameters: ', countParameters(vit32))

// %% [markdown]
// **Slip 12: no norm before the head.** In a pre-norm net nothing rescales the stream (slip 4), so every block may add to what
// the head is given. Hence the paper's last `LayerNorm`, which the original lacks. What does the head see in a fresh net?

// %%
/** The variance of the class token that the head is given, and that a norm before it would give it. */
function showHeadInput(title: string, model: Vit, pictures: Tensor) {
  const token = noGrad(() => model.transformer(model.pos(model.patch(pictures)))).at(':', 0, ':')
  const normed = new nn.LayerNorm(token.shape[1])(token)
  const [before, after] = [token, normed].map((seen) => seen.var().item().toFixed(2))
  console.log(`slip 12, ${title} variance ${before} at the head, ${after} with a norm`)
}

for (const numBlocks of [1, 6, 24]) {
  manualSeed(0)
  showHeadInput(`${numBlocks} blocks:`.padEnd(10), new Vit(32, 4, numBlocks, 4, 0, 10, PreNormBlock), images)
}

// %% [markdown]
// It grows with depth, slowly. Training makes it grow, too: we will look again after it. Ours has two blocks and does without.
//
// ## The same net from the library
//
// `vit.Vit` is this net, ready to use. From the same seed it must be the same to the last bit: parameters with the same
// names, the same numbers in them, and the same scores.

// %%
for (const prenorm of [false, true]) {
  manualSeed(0)
  const ours = new Vit(32, 4, 2, 4, 0.1, 10, prenorm ? PreNormBlock : TransformerBlock)
  manualSeed(0)
  const theirs = new vit.Vit({ imageSize: 32, patchSize: 4, numBlocks: 2, heads: 4, dropout: 0.1, classes: 10, prenorm })
  const names = (model: nn.Module) => Object.keys(model.stateDict()).join()
  const sameScores = ours.eval()(images).equal(theirs.eval()(images))
  console.log(`vit.Vit with prenorm ${prenorm}: same names ${names(ours) === names(theirs)}, same scores ${sameScores}`)
}

// %% [markdown]
// # 5. Training
//
// Here the original ends, and we go on. The built-in pictures show ten shapes and textures in random colours, places and sizes,
// with noise.

// %%
heading('5. Training')
const [trainPictures, trainLabels] = data.synthetic({ train: true, count: 4000 }).tensors
const [testPictures, testLabels] = data.synthetic({ train: false, count: 500 }).tensors
const classes = data.syntheticClasses
console.log('training:', trainPictures.shape, ' test:', testPictures.shape)
console.log(classes.join(', '))

// %% [markdown]
// To be quick, we make them 16 x 16 by taking the mean of every 2 x 2 pixels. Patches of 4 then give 16 tokens of 48 numbers,
// and the class token.

// %%
function half(pictures: Tensor): Tensor {
  const [N, channels, height, width] = pictures.shape
  return pictures.reshape(N, channels, height / 2, 2, width / 2, 2).mean([3, 5])
}

const trainX = half(trainPictures)
const testX = half(testPictures)
console.log('training:', trainX.shape, ' test:', testX.shape)

// %% [markdown]
// What do they look like? We print them in five shades of grey, with two characters for a pixel: blank for the darkest value of a
// picture, a full block for its lightest. (So on white paper you see the negative.)

// %%
const SHADES = ' ░▒▓█'

/** One of SHADES for a value between low and high. */
function shade(value: number, low: number, high: number): string {
  const level = Math.floor(((value - low) / (high - low)) * SHADES.length)
  return SHADES[Math.min(Math.max(level, 0), SHADES.length - 1)]
}

/** A picture (3, H, W) as H lines of 2W characters. */
function drawPicture(picture: Tensor): string[] {
  const grey = picture.mean(0)
  const [low, high] = [grey.min().item(), grey.max().item()]
  return grey.unbind(0).map((row) => Array.from(row.data, (value) => shade(value, low, high).repeat(2)).join(''))
}

/** Blocks of lines next to each other, each under its title. */
function sideBySide(blocks: readonly { title: string; lines: readonly string[] }[]): string {
  const rows = blocks[0].lines.map((_, row) => blocks.map(({ lines }) => lines[row]).join('   '))
  const titles = blocks.map(({ title, lines }) => title.padEnd(lines[0].length)).join('   ')
  return [titles, ...rows].join('\n')
}

const drawTrain = (i: number) => ({ title: classes[trainLabels.at(i).item()], lines: drawPicture(trainX.at(i)) })
console.log(sideBySide([3, 1, 7].map(drawTrain)))

// %% [markdown]
// A training step is the five lines that it is in PyTorch. A loader shuffles the pictures and hands them out in batches of 32.

// %%
const loader = new data.DataLoader(new data.TensorDataset(trainX, trainLabels), { batchSize: 32, shuffle: true })

/** Trains for a number of steps and returns the loss of each. */
function train(model: nn.Module, steps: number): number[] {
  const optimizer = new optim.SGD(model.parameters(), { lr: 0.03, momentum: 0.9 })
  const losses: number[] = []
  model.train()
  while (losses.length < steps)
    for (const [x, y] of loader) {
      const loss = F.crossEntropy(model(x), y)
      optimizer.zeroGrad()
      loss.backward()
      optimizer.step()
      losses.push(loss.item())
      if (losses.length === steps) break
    }
  return losses
}

/** The class with the highest score for each picture. */
function predict(model: nn.Module, pictures: Tensor): Tensor {
  model.eval()
  return noGrad(() => model(pictures).argmax(1))
}

/** The share of pictures whose class is predicted right. */
const accuracy = (model: nn.Module, pictures: Tensor, labels: Tensor) => predict(model, pictures).eq(labels).float().mean().item()
const percent = (share: number) => `${(100 * share).toFixed(0)} %`

// %% [markdown]
// The model: the repaired `Vit` with pre-norm blocks. `std` is the deviation of class token and positions: 1 as in the
// original, or quieter (slip 2).

// %%
function freshVit(std: number): Vit {
  manualSeed(0)
  const model = new Vit(16, 4, 2, 4, 0.1, 10, PreNormBlock)
  nn.init.normal_(model.pos.cls, 0, std)
  nn.init.normal_(model.pos.pos_emb, 0, std)
  return model
}

const model = freshVit(0.02)
console.log('parameters:', countParameters(model))
const firstAccuracy = percent(accuracy(model, testX, testLabels))
const firstLoss = noGrad(() => F.crossEntropy(model(testX), testLabels)).item().toFixed(2)
console.log(`before training: accuracy ${firstAccuracy} (guessing: 10 %), loss ${firstLoss} (guessing: ln 10 = ${Math.log(10).toFixed(2)})`)

// %% [markdown]
// Always check these two before you train: a first loss far above ln 10 means that something is wrong with the model's output.
//
// First, what slip 2 costs. A hundred steps each, once with loud embeddings and once with quiet ones. The bars are the loss,
// from left to right, two steps in a bar:

// %%
/** The mean of each of `parts` equal pieces of a list. */
function means(values: readonly number[], parts: number): number[] {
  const size = values.length / parts
  return Array.from({ length: parts }, (_, i) => {
    const piece = values.slice(Math.round(i * size), Math.round((i + 1) * size))
    return piece.reduce((sum, value) => sum + value, 0) / piece.length
  })
}

/** A row of bars whose height goes from 0 to `top`. */
function sparkline(values: readonly number[], top: number): string {
  const bars = '▁▂▃▄▅▆▇█'
  return values.map((value) => bars[Math.min(Math.floor((value / top) * bars.length), bars.length - 1)]).join('')
}

function report(title: string, model: Vit, losses: readonly number[]) {
  console.log(`${title}  ${sparkline(means(losses, 50), 2.5)}  accuracy ${percent(accuracy(model, testX, testLabels))}`)
}

const loud = freshVit(1)
manualSeed(1)
report('std 1   ', loud, train(loud, 100))
manualSeed(1) // the same batches for both
const firstLosses = train(model, 100)
report('std 0.02', model, firstLosses)

// %% [markdown]
// One number in the initialisation decides whether the net begins to learn at once. (The loud one gets there, too, some hundred
// steps later.) Now we let the quiet one go on.

// %%
const losses = [...firstLosses, ...train(model, 150)]
const lossLines = means(losses, 10).map((mean, i) => {
  const steps = `steps ${String(25 * i + 1).padStart(3)} to ${String(25 * (i + 1)).padStart(3)}`
  return `${steps}   loss ${mean.toFixed(3)}  ${'█'.repeat(Math.round(20 * mean))}`
})
console.log(lossLines.join('\n'))
console.log('accuracy on the training pictures:', percent(accuracy(model, trainX.at(':500'), trainLabels.at(':500'))))
console.log('accuracy on new pictures:         ', percent(accuracy(model, testX, testLabels)))

// %% [markdown]
// These were two epochs: 2 x 4000 pictures in batches of 32 are 250 steps. It is about as good on pictures that it has never
// seen as on those that it has, so it has learned shapes, not pictures by heart.
//
// And slip 12, after training:

// %%
showHeadInput('fresh:  ', freshVit(0.02), testX)
showHeadInput('trained:', model.eval(), testX)

// %% [markdown]
// # 6. What it predicts
//
// Three test pictures that it gets right, and three that it does not. The true class stands first, then what the model says.

// %%
heading('6. What it predicts')
const predicted = predict(model, testX)
const truth = (i: number) => testLabels.at(i).item()
const guess = (i: number) => predicted.at(i).item()
const numbers = Array.from({ length: testX.shape[0] }, (_, i) => i)
const right = numbers.filter((i) => truth(i) === guess(i))
const wrong = numbers.filter((i) => truth(i) !== guess(i))

/** The first in a list for each of some answers: pictures that are not all of one kind. */
function oneOfEach(list: readonly number[], answer: (i: number) => string): number[] {
  return list.filter((i, at) => list.findIndex((other) => answer(other) === answer(i)) === at)
}

const drawTest = (i: number) => ({
  title: `${classes[truth(i)]}: ${truth(i) === guess(i) ? 'yes' : `${classes[guess(i)]}?`}`,
  lines: drawPicture(testX.at(i)),
})
console.log(sideBySide([4, 8, 9].flatMap((c) => right.filter((i) => truth(i) === c).slice(0, 1)).map(drawTest)))
console.log()
console.log(sideBySide(oneOfEach(wrong, (i) => `${truth(i)} ${guess(i)}`).slice(0, 3).map(drawTest)))

// %% [markdown]
// The confusion matrix counts for each true class (row) what was predicted (column). What is not on the diagonal is a mistake.

// %%
const confusion = classes.map(() => classes.map(() => 0))
for (const i of numbers) confusion[truth(i)][guess(i)]++

const tableRow = (title: string, cells: readonly (number | string)[]) =>
  title.padEnd(20) + cells.map((cell) => String(cell).padStart(4)).join('')
const header = tableRow('', classes.map((_, c) => c))
const rows = confusion.map((row, c) => tableRow(`${c} ${classes[c]}`, row.map((count) => count || '·')))
console.log(`\n${[header, ...rows].join('\n')}`)

// %%
const pairs = confusion.flatMap((row, c) => row.map((count, p) => ({ c, p, count })))
const mistakes = pairs.filter(({ c, p }) => c !== p).sort((a, b) => b.count - a.count)
console.log(mistakes.slice(0, 3).map(({ c, p, count }) => `${count} x ${classes[c]} taken for ${classes[p]}`).join(', '))

// %% [markdown]
// The textures are easy: every patch shows them. The figures are harder: what a patch shows must be put together with where it
// is, and at 16 x 16 pixels a disk and a square differ in no more than their corners.

// %% [markdown]
// # 7. What it looks at
//
// Row 0 of the attention weights belongs to the class token: how much it takes from every token. Columns 1 to 16 are the
// patches, in a grid of 4 x 4. We draw each weight in the place of its patch, in percent: the fuller the block, the larger the
// weight, compared with the largest in this map. First the mean over the four heads:

// %%
/** How much the class token of one picture takes from each patch: one (heads, 4, 4) tensor for each block. */
function classTokenMaps(model: Vit, picture: Tensor): Tensor[] {
  predict(model, picture.unsqueeze(0))
  const blocks = [...model.transformer.transformer].filter((blk) => blk instanceof TransformerBlock)
  return blocks.map((blk) => attentionWeights(blk).at(':', 0, '1:').reshape(4, 4, 4))
}

/** A (4, 4) map as lines: each weight is a field of characters with its percentage in the first or second line. */
function drawMap(map: Tensor, width: number, height: number): string[] {
  const high = map.max().item()
  const field = (weight: number, line: number) => {
    const fill = shade(weight, 0, high)
    if (line !== Math.floor((height - 1) / 2)) return fill.repeat(width)
    const number = (100 * weight).toFixed(0).padStart(3)
    return `${fill.repeat(Math.floor((width - 3) / 2))}${number}`.padEnd(width, fill)
  }
  const lines = Array.from({ length: height }, (_, line) => line)
  return map.unbind(0).flatMap((row) => lines.map((line) => Array.from(row.data, (weight) => field(weight, line)).join('')))
}

/** The first picture of a class that the model gets right. */
const example = (c: number) => right.find((i) => truth(i) === c) ?? c

heading('7. What it looks at')
for (const c of [0, 1]) {
  const i = example(c)
  const means = classTokenMaps(model, testX.at(i)).map((heads) => heads.mean(0))
  const maps = means.map((map, b) => ({ title: `block ${b + 1}`, lines: drawMap(map, 8, 4) }))
  console.log(`${sideBySide([drawTest(i), ...maps])}\n`)
}

// %% [markdown]
// If the class token took from all 17 tokens alike, each would have 6 %; what the 16 patches lack to 100 % it takes from itself.
// Look where the weight is: on the ground, on the figure, on its edge? But be careful with stories. A weight says how much
// of a token is taken, not what that token has become: after the first block each one has already seen all others.
//
// The heads do not do the same. Here are the four of each block for the last picture:

// %%
classTokenMaps(model, testX.at(example(1))).forEach((heads, b) => {
  const maps = heads.unbind(0).map((map, h) => ({ title: `block ${b + 1}, head ${h + 1}`, lines: drawMap(map, 5, 2) }))
  console.log(`${sideBySide(maps)}\n`)
})

// %% [markdown]
// # Summary
//
// A Vision Transformer is a convolution that cuts, an embedding that says where, a few blocks of attention and MLP with
// their residuals, and one linear layer on the class token. What went wrong on the way:
//
// | | slip | what happens | repair |
// |---|---|---|---|
// | 1 | class token last, index 0 read | the first patch is classified | `cat([cls, X])` |
// | 2 | embeddings drawn from N(0, 1) | all pictures look alike, learning starts late | deviation 0.02 |
// | 3 | `tokens`, `X_shape` never used; dropout on the attention weights alone | false expectations | drop them; read the printed model |
// | 4 | residual after the norm | no block passes its input on | norm inside the branch |
// | 5 | heads that do not divide | fails late, in a reshape | check in the constructor |
// | 6 | `return transformer(X)` | name lookup never looks at `self`: an error, or endless recursion | `self.transformer(X)` |
// | 7 | `pos.tokens` | NameError | `self.pos` |
// | 8 | `transformer(...)` in the net | another network, which is never trained | `self.transformer` |
// | 9 | `(X, X, X, valid_lens=None)` | TypeError in Python, silence in JavaScript | one argument |
// | 10 | `mlphead(X)` | NameError | `self.mlphead` |
// | 11 | head on all tokens | (B, tokens, classes) | index 0 first |
// | 12 | no norm before the head | numbers grow with depth | a last `LayerNorm` |
//
// More than half of them can pass without any error (1, 2, 3, 4, 8, 11, 12). Looking at a shape after each piece gives away
// only one of these, the eleventh. The others are found by looking at numbers: compare, measure, and ask what should come out.
//
// # Exercises
//
// 1. Train with `TransformerBlock` in place of `PreNormBlock`. Is there a difference with two blocks? With twelve?
// 2. Add the `LayerNorm` of slip 12 between class token and head. Where must it be made so that its parameters are found?
// 3. Do without the class token: give the head the mean of all patches, `X.mean(1)`. Which of the two learns faster?
// 4. Undo the repair of slip 1: leave the class token last and read index 0. Which accuracy do you reach, and why not 10 %?
// 5. Leave out the position embedding. Which classes can the model still tell apart, and which does it confuse? Why?
// 6. Keep the pictures at 32 x 32 pixels: 64 patches of 4, not 16. How much longer does a step take, and which part of it
//    grows with the square of the number of tokens?
// 7. Replace `nn.ReLU` by `nn.GELU`, the paper's choice, and make the MLP four times as wide as a token, not twice. How many
//    parameters does this add?
// 8. Write `class MyAttention extends nn.Module` with one head: four `nn.Linear`, a `softmax(-1)` and two matrix products. Give
//    it the weights of an `nn.MultiHeadAttention(48, 1, 0)` and check that the results agree.
