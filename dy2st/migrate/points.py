"""What the engine itself lists, beside rows and rules: one number and one sentence each."""

from __future__ import annotations

POINTS = {
    "PM300": "A file that could not be read, parsed or written.",
    "PM301": "A name under paddle.fluid that is no public name of Paddle 1.8.5.",
    "PM302": "A name that may mean different things at that place.",
    "PM303": "A name of 1.x in a string that is run, looked up or read as an annotation.",
    "PM304": "A name or a module that is put together at run time (getattr, import_module).",
    "PM305": "Code that replaces or deletes a part of paddle.fluid.",
    "PM306": "A module of paddle.fluid that is handed on, kept under an attribute or exported.",
    "PM307": "A name inside of an f-string whose place Python does not tell.",
    "PM309": "Uses that were neither converted nor listed: a mistake of this tool.",
    "PM310": "A name of 1.x in a script or a settings file.",
}
