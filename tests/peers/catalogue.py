"""The catalogue of models against open_clip as it is installed: repositories, activations, sizes."""
import json

ARCHITECTURES = ("ViT-B-32", "ViT-B-32-256", "ViT-B-16", "ViT-L-14", "ViT-L-14-336", "ViT-H-14", "ViT-H-14-378", "ViT-g-14")


def cards(t):
    rc, out, err = t.run(["model", "list", "--json"])
    assert rc == 0, err
    return [card for card in map(json.loads, out.splitlines()) if card["open_clip"]]


def test_each_model_is_one_of_open_clip_s(t):
    t.need("open_clip")
    from open_clip import get_model_config
    from open_clip.pretrained import get_pretrained_cfg
    for card in cards(t):
        architecture, tag = card["name"].split("/")
        assert architecture in ARCHITECTURES and tag == card["pretrained"], card
        published = get_pretrained_cfg(architecture, tag)
        config = get_model_config(card["open_clip"])
        assert published and config, card["name"]
        assert config.get("quick_gelu", False) == bool(published.get("quick_gelu")), card["name"]
        assert config["embed_dim"] == card["dim"], card["name"]
        assert config["vision_cfg"]["image_size"] == card["image_size"], card["name"]
        assert config["vision_cfg"]["patch_size"] == card["patch"], card["name"]
        names = [card["hub_id"]] + ([card["hub_also"]] if card["hub_also"] else [])
        assert published["hf_hub"].rstrip("/") in names, (card["name"], published["hf_hub"])
        if card["openai_sha256"]:
            assert card["openai_sha256"] in published["url"] and published["url"].endswith(card["openai_file"]), card["name"]
