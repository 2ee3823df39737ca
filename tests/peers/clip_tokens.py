"""CLIP's tokenizers against the real ones: Hugging Face tokenizers for profile hf, simple_tokenizer.py with ftfy for
profile openai. Texts go through the unit test's door `embed_clip_bpe --ids`. The peers and the seeded strings are those
of tests/golden/make_clip_tokens.py."""
import importlib.util
import json
import pathlib
import struct
import subprocess

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
spec = importlib.util.spec_from_file_location("make_clip_tokens", ROOT / "tests" / "golden" / "make_clip_tokens.py")
clip = importlib.util.module_from_spec(spec)
spec.loader.exec_module(clip)


def ours(t, which, texts):
    data = b"".join(struct.pack("<I", len(b)) + b for b in (text.encode() for text in texts))
    out = subprocess.run([str(t.build / "unit" / "embed_clip_bpe"), "--ids", str(which)], input=data, capture_output=True,
                         check=True, cwd=ROOT, timeout=600).stdout
    rows, at = [], 0
    while at < len(out):
        n = struct.unpack_from("<I", out, at)[0]
        rows.append(list(struct.unpack_from(f"<{n}i", out, at + 4)))
        at += 4 + 4 * n
    assert len(rows) == len(texts), (len(rows), len(texts))
    return rows


def compare(t, which, texts, peer):
    for text, got, want in zip(texts, ours(t, which, texts), peer(texts)):
        assert got == want, f"{which} {text!a}: {got}, the peer has {want}"


def tokenizers_ids(tokenizer):
    return lambda texts: [e.ids for e in tokenizer.encode_batch(texts)]


def tricky(t):
    return [json.loads(line)["text"] for line in open(t.fixtures / "text" / "clip_tricky.jsonl", encoding="utf-8")]


def captions(t):
    t.need_shared()
    path = t.shared / "data" / "clip_refs" / "tokens_flickr8k.tsv"
    return [line.split("\t")[0] for line in open(path, encoding="utf-8")]


def seeded(first, n):
    strings = clip.Strings()
    return [strings.string(i) for i in range(first, first + n)]


def test_profile_hf_equals_tokenizers_on_tricky_texts_and_5000_seeded_strings(t):
    compare(t, "hf", tricky(t) + seeded(2000, 5000), tokenizers_ids(clip.hugging_face()))


def test_profile_hf_equals_tokenizers_on_the_captions_by_the_published_file(t):
    from tokenizers import Tokenizer

    texts = captions(t) + tricky(t)
    path = t.shared / "data" / "clip_refs" / "hf-clip-vit-base-patch32-configs" / "tokenizer.json"
    peer = tokenizers_ids(Tokenizer.from_file(str(path)))
    compare(t, "hf", texts, peer)
    compare(t, path, texts[-2000:], peer)


def test_profile_hf_equals_tokenizers_on_100000_seeded_strings_and_each_character(t):
    t.only_check_all()
    strings = clip.Strings()
    texts = [strings.string(i) for i in range(7000, 107000)]
    texts += [f"{a}{c}{b}" for c in strings.characters for a, b in ("  ", "1s")]
    compare(t, "hf", texts, tokenizers_ids(clip.hugging_face()))


def test_a_vocabulary_of_ones_own_equals_tokenizers(t):
    """Learnt from the reference texts, with gaps: bytes and tokens that the vocabulary lacks are <|endoftext|>."""
    from tokenizers import Tokenizer, trainers

    learner = clip.hugging_face()
    corpus = tricky(t) * 50 + seeded(0, 500)
    alphabet = clip.vocabulary()[2][:200]
    trainer = trainers.BpeTrainer(vocab_size=900, special_tokens=clip.SPECIAL, end_of_word_suffix="</w>",
                                  initial_alphabet=alphabet, limit_alphabet=200, show_progress=False)
    learner.train_from_iterator(corpus, trainer)
    model = json.loads(learner.to_str())["model"]
    tokens = sorted(model["vocab"], key=model["vocab"].get)
    peer = clip.hugging_face(tokens, [tuple(m) for m in model["merges"]])
    path = t.tmp / "tokenizer.json"
    peer.save(str(path))
    compare(t, path, tricky(t) + seeded(0, 3000), tokenizers_ids(Tokenizer.from_file(str(path))))
    compact = json.loads(path.read_text(encoding="utf-8"))
    compact["model"]["merges"] = [" ".join(m) for m in compact["model"]["merges"]]
    path.write_text(json.dumps(compact), encoding="utf-8")
    compare(t, path, tricky(t) + seeded(0, 500), tokenizers_ids(peer))


def test_profile_openai_equals_simple_tokenizer_with_all_of_ftfy_on_the_reference_texts(t):
    t.need("ftfy")
    t.need("regex")
    import ftfy

    openai = clip.OpenAI(ftfy.fix_text)
    compare(t, "openai", tricky(t) + (captions(t) if t.shared else []), lambda texts: map(openai.encode, texts))


def test_profile_openai_equals_simple_tokenizer_on_seeded_strings(t):
    t.need("ftfy")
    t.need("regex")
    openai = clip.OpenAI(clip.some_of_ftfy())
    compare(t, "openai", seeded(2000, 100000 if t.run_all else 5000), lambda texts: map(openai.encode, texts))
