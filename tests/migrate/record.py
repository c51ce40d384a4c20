"""Records what Paddle 1.8.5 computes for the table's examples (``make test-fluid``).

Usage: python tests/migrate/record.py PYTHON37 [name-prefix]. Only what is new or changed is run.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))
sys.path.insert(0, str(Path(__file__).parent))
import examples
import programs

ORACLE = Path(__file__).with_name("oracle.py")


def run_jobs(python: str, jobs: dict, timeout: int = 500) -> dict:
    """Run jobs with an interpreter; a job that kills the process is reported and left out."""
    results: dict = {}
    todo = dict(jobs)
    while todo:
        with tempfile.TemporaryDirectory() as folder:
            source, target = Path(folder, "jobs.json"), Path(folder, "results.json")
            source.write_text(json.dumps(todo))
            done = subprocess.run(
                [os.path.abspath(python), str(ORACLE), str(source), str(target)],
                capture_output=True,
                text=True,
                timeout=timeout,
                cwd=folder,  # 1.8 writes files where it runs
            )
            if target.exists():
                results.update(json.loads(target.read_text()))
                return results
            partial = Path(str(target) + ".partial")
            names = list(todo)
            at = names.index(partial.read_text()) + 1 if partial.exists() else 0
            results[names[at]] = {"ok": False, "error": "process died", "trace": done.stderr[-800:]}
            # run what came before again, without the one that killed it
            del todo[names[at]]
    return results


def record_programs(python: str) -> None:
    """Record the whole programs whose text changed since their recording."""
    programs.RECORDED.mkdir(exist_ok=True)
    for name, script in programs.scripts().items():
        target = programs.RECORDED / f"{name}.json"
        digest = programs.digest(script)
        if target.exists() and json.loads(target.read_text()).get("digest") == digest:
            continue
        with tempfile.TemporaryDirectory() as folder:
            path = programs.copy(script, Path(folder, "program"))
            record = programs.run(python, {name: path}, Path(folder), False)[name]
            if record["draws"]:
                shutil.copy(Path(folder, f"{name}.json.draws"), programs.RECORDED)
        record["digest"] = digest
        del record["globals"]
        if record["error"]:
            print(f"{name} fails on 1.8.5:\n{record['error']}")
        target.write_text(json.dumps(record) + "\n")
        print(f"recorded {name}: {len(record['steps'])} steps")


def record_models(python: str) -> None:
    """Save the inference models again where their program changed."""
    source = Path(__file__).with_name("old_models.py")
    target, digest = examples.FIXTURES / "models", hashlib.sha256(source.read_bytes()).hexdigest()
    stamp = target / "digest"
    if not stamp.exists() or stamp.read_text() != digest:
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(parents=True)
        subprocess.run([os.path.abspath(python), str(source), str(target)], check=True)
        stamp.write_text(digest)


def main() -> None:
    """Record new and changed examples."""
    record_programs(sys.argv[1])
    record_models(sys.argv[1])
    python, prefix = sys.argv[1], (sys.argv[2] if len(sys.argv) > 2 else "")
    jobs = examples.jobs()
    old = examples.recorded()
    fresh = {
        name: job
        for name, job in jobs.items()
        if old.get(name, {}).get("digest") != examples.digest(job) and prefix in name
    }
    results = run_jobs(python, fresh)
    merged = {n: old[n] for n in jobs if n in old and n not in fresh}
    for name, result in results.items():
        entry = {"digest": examples.digest(jobs[name]), "ok": result["ok"]}
        if result["ok"]:
            entry["values"] = result["values"]
        else:
            entry["error"] = result["error"][-300:]
        merged[name] = entry
    lines = [f"{json.dumps(n)}: {json.dumps(merged[n])}" for n in sorted(merged)]
    examples.FIXTURES.mkdir(parents=True, exist_ok=True)
    examples.RECORDED.write_text("{\n" + ",\n".join(lines) + "\n}\n")
    bad = [n for n, r in results.items() if not r["ok"]]
    print(f"recorded {len(results)}, of which {len(bad)} do not run on 1.8.5")
    for name in bad:
        print("  ", name, results[name]["error"][-200:].replace("\n", " "))


if __name__ == "__main__":
    main()
