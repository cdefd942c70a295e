"""The lecture, claim by claim: one file a claim, found by the folder scan; adding one is adding a
file and touching no other.

How to write a claim, in a file `lab/claims/many_labels.py`:

    @register("many-labels")
    @dataclass(frozen=True, kw_only=True)
    class ManyLabels(Claim):
        '''What is tried, and why that way.'''

        chapter: ClassVar = "cgan"                   # see ORDER in _run.py
        sentence: ClassVar = Text(en=..., vi=...)    # what the lecture claims, as a full sentence
        varied: ClassVar = Text(en=..., vi=...)      # the one thing that differs between the arms
        held: ClassVar = Text(en=..., vi=...)        # everything that is the same in all of them
        meaning: ClassVar = Text(en=..., vi=...)     # what is seen; where it holds, and where not
        scaled: ClassVar = ("kimg",)                 # the fields that `--minutes` stretches
        default_data: ClassVar = "fashion-mnist"     # "" where the claim makes its own data

        kimg: float = 12                             # the settings: shown on the page

        def measure(self, work: Work) -> Numbers: ...
        def questions(self, seeds: Sequence[Numbers]) -> list[Question]: ...
        def pictures(self, seeds: Sequence[Numbers]) -> list[Picture]: ...

- `measure` is one seed: it trains, through `work.train` as a user could or in a few lines of torch
  with the package's own losses, penalties and nets, and returns plain JSON values (numbers, lists,
  texts, None; no NaN). It is called once for each seed, and its result is kept in
  `OUT/NAME/seed-0.json` until a setting changes. What is random comes from `work.random(purpose)`,
  or from torch's own generator, which is seeded before the call. Pictures of samples are written
  into `work.folder`, and returned as `work.inside(path)` for a `Photo`.
- `questions` is the rule of the verdict. Each asks for one number a seed and says from where on it
  counts as seen, and from where on as the opposite. Fix both before any run, from what a student
  would call a difference, and never move one to make a claim come true. Compare arms within a
  seed, as a difference or a ratio, so that what the seeds have in common drops out. The frame
  takes the 90 % interval over seeds and judges by its ends (`evaluation/verdicts.py`).
- `pictures` turns the numbers of all seeds into charts (`reporting/pictures.py`).
- All seeds together take two to four minutes on two cores with the default settings: about one
  minute for `measure`. `exact = True` is for what is computed and not trained: one seed is enough.
- A claim imports whatever lies below the labs, `_base` and other files of this folder that begin
  with an underscore, and never another claim.
- English and Vietnamese: short sentences, the slides' English names of models and methods.
"""

from saddlepoint.lab.claims._run import claims as claims
from saddlepoint.lab.claims._run import in_order as in_order
