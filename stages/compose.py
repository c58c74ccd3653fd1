"""Stage compose: propose class sets that plausibly share a scene, by likelihood or by asking a chat model."""

from pathlib import Path

from lexiclip.captions.asking import write_answers
from lexiclip.captions.class_sets import class_affinity, proposal_questions, propose_sets, sets_in_answers
from lexiclip.captions.instructions import instruction, load_instructions
from lexiclip.captions.judging import says_true, set_questions
from lexiclip.captions.llm import Sampling, backend
from lexiclip.captions.local_llm import load_language_model
from lexiclip.errors import InputError, run_stage
from lexiclip.files import read_jsonl, write_json
from lexiclip.params import Params, load_params
from lexiclip.vocabulary import load_vocabulary

FOLDER = Path("data/captions")


def main() -> None:
    params = load_params()
    compose = params.compose
    vocabulary = load_vocabulary(params.vocabulary.file, params.vocabulary.without)
    vocabulary.check(compose.challenge_classes, "compose.challenge_classes")
    names = list(vocabulary.names)
    proposed: dict = {"names": names}
    if compose.by == "answers":
        instructions = load_instructions(compose.instructions)
        questions = proposal_questions(
            names, count=compose.questions, size=compose.classes_per_question, seed=compose.seed
        )
        asks = [({"names": asked}, instruction(instructions, "propose", asked)) for asked in questions]
        answers = ask(params, asks, "class_sets.answers.jsonl")
        proposed["sets"] = sets_in_answers([row["answer"] for row in answers], vocabulary)
    else:
        model = params.language_model
        if model.server is not None:
            raise InputError("compose.by: a server gives no likelihoods, choose `answers` or no server")
        lm = load_language_model(model.model, model.gguf_file, model.trust_remote_code)
        affinity = class_affinity(lm, names).round(3)
        proposed["sets"] = propose_sets(
            affinity, names, count=compose.sets, sizes=compose.sizes, share=compose.share, seed=compose.seed
        )
        proposed["affinity"] = affinity.tolist()
    if compose.share_scene:
        asks = set_questions(proposed["sets"], load_instructions(compose.instructions))
        verdicts = ask(params, asks, "class_sets.verdicts.jsonl")
        proposed["sets"] = [row["names"] for row in verdicts if says_true(row["answer"])]
    if not proposed["sets"]:
        raise InputError(f"compose: no class set is left; the model's answers are in {FOLDER}/class_sets.*")
    write_json(FOLDER / "class_sets.json", proposed)
    print(f"{len(proposed['sets'])} class sets -> {FOLDER}/class_sets.json")


def ask(params: Params, asks: list[tuple[dict, str]], file: str) -> list[dict]:
    compose = params.compose
    instructions = load_instructions(compose.instructions)
    sampling = Sampling(compose.max_new_tokens, compose.temperature, compose.top_p)
    model = backend(**params.language_model.model_dump(), instructions=instructions, sampling=sampling)
    write_answers(asks, model, FOLDER / file, seed=compose.seed)
    return read_jsonl(FOLDER / file)


run_stage(main)
