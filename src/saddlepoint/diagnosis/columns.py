"""The columns that the doctor adds to a history: its whole language between loop and detectors.

A *check* is a moment when the doctor measures (signals/); between two checks it only keeps what the
loop computes anyway. Every row of a history is one check. A column that the loop cannot give (no
labels, no held-out images, packed images) is absent, and absence is not evidence. No torch in here.

loss_d and loss_g are means over the steps since the last row of the losses that `Doctor.step` was
given. Our own loop gives the mean of all the turns of a step (n_critic of the discriminator, each
in `accumulate` parts), so that a row's loss_d is the tick's mean with the doctor or without it. A
foreign loop usually gives its newest loss.
"""

COLUMNS: dict[str, str] = {
    # Where the run is.
    "images": "real images shown to the discriminator so far",
    "step": "generator steps so far",
    # Logits and losses: means over the steps since the last row.
    "loss_d": "the discriminator's adversarial loss (in a foreign loop: the loss that was given)",
    "loss_g": "the generator's loss",
    "real_logit": "mean raw output of the discriminator for real images",
    "fake_logit": "mean raw output of the discriminator for generated images",
    "logit_spread": "standard deviation of all outputs around their side's mean",
    "auc": "probability that a real image gets a higher output than a fake one of the same step",
    "nonfinite": "1 when any loss, output, gradient or weight since the last row was not finite",
    "weights_lost": "1 when a weight of either net is not finite",
    # Gradients and weights, at the newest step that was measured.
    "grad_norm_d": "2-norm of the discriminator's gradient",
    "grad_norm_g": "2-norm of the generator's gradient",
    "update_ratio_d": "2-norm of one step's change of the discriminator / 2-norm of its weights",
    "update_ratio_g": "2-norm of one step's change of the generator / 2-norm of its weights",
    "clip_share": "share of the discriminator's weights that lie at its greatest absolute weight",
    "input_gradient_norm": "mean 2-norm of the gradient of the output at real-fake interpolates",
    "input_gradient_norm_fake": "mean 2-norm of the gradient of the output at fakes",
    # Does the discriminator know more than it should? At the check.
    "heldout_auc": "probability that a training image gets a higher output than a held-out one",
    # Diversity of the loop's own newest fakes (256 images, 512 points), in a small feature space.
    "pair_ratio": "median distance of two fakes / median distance of two real images",
    "rke_ratio": "order-2 Vendi score of the fakes / that of as many real images",
    "duplicates": "share of fakes nearer to another fake than 99 % of real images to their nearest",
    "coverage": "share of real probe images with a fake within their k-NN radius (k = 5)",
    "coverage_null": "what coverage is for equal distributions and these numbers of images",
    "nearest_real": "median distance of a fake to its nearest real / same for held-back reals",
    "off_data": "median distance of a fake to its nearest real / median distance of two reals",
    "train_closeness": "share of fakes nearer to a training image than real ones are to each other",
    "bins_weight": "share of the real data in bins with fewer fakes than chance allows",
    "bins_null": "share of bins with fewer held-back real images than that: the noise floor",
    "bins": "list: count of probe fakes in each bin (a class where there are labels)",
    "bins_real": "list: share of the real data in each bin",
    "bins_are_classes": "1 when the bins are the labels of the data, in order",
    "label_diversity": "pair_ratio among fakes of one label, median over labels",
    "label_agreement": "do fakes show their labels? Cohen's kappa: 1 as real images, 0 by chance",
    "latent_effect": "mean change by a new latent (same label) / by another real image of it",
    "label_effect": "mean change by a new label (same latent) / mean change by a new latent",
    "eval_gap": "distance of fakes in training and evaluation mode (or averaged) / pair distance",
    "averaged": "1 when eval_gap is of a separate averaged generator",
    # How the loop is wired: measured at the first checks, and at every tenth after them.
    "loss_family": "registered name of the loss, as given, or recognised at most checks so far",
    "real_low": "least value of real images, as the discriminator gets them",
    "real_high": "greatest value of real images",
    "fake_low": "least value of generated images",
    "fake_high": "greatest value of generated images",
    "reach_low": "least value that the generator's last operation (tanh, sigmoid) can give",
    "reach_high": "greatest value that the generator's last operation can give",
    "sigmoid_end": "1 when the discriminator's last operation is a sigmoid",
    "expects_logits": "after a sigmoid: 1 when the loss takes its outputs for raw ones",
    "flat_share": "share of fakes whose output the generator's loss cannot move: its slope is 0",
    "logit_gradient_sign_real_d": "where its loss pushes real images' outputs: -1 (down) to 1 (up)",
    "logit_gradient_sign_fake_d": "where the discriminator's loss pushes the outputs of fakes",
    "logit_gradient_sign_fake_g": "where the generator's loss pushes the outputs of fakes",
    "mixed_batch": "1 when one call of the discriminator had real and fake images",
    "batch_norm_d": "number of BatchNorm layers in the discriminator",
    "penalised": "1 when the loop takes the gradient of the output with respect to its input",
    "penalty_graph": "1 when that gradient keeps its graph, so that a penalty on it has an effect",
    "penalty_cosine": "1 when the penalty pulls each gradient along itself: a norm over all pixels",
    "penalty_right": "mean (norm - 1)^2 at the loop's interpolates, norms over all pixels",
    "batch_effect": "change of an image's output when its batch changes / logit_spread",
    "steps_d": "steps of the discriminator's optimiser since the last row",
    "steps_g": "steps of the generator's optimiser since the last row",
    "held_d": "share of the discriminator's weights that its own optimiser holds",
    "held_g": "share of the generator's weights that its own optimiser holds",
    "shared_parameters": "parameters of one net that the other net's optimiser holds",
    "d_moved_in_g_step": "2-norm of the discriminator's change while only the generator stepped",
    "g_moved_in_d_step": "2-norm of the generator's change while only the discriminator stepped",
    "stale_gradient_d": "share of the discriminator's gradient at its step that was left over",
    "stale_gradient_g": "share of the generator's gradient at its step that was left over",
    "missing_gradient_g": "share of the generator's weights without a gradient at its step",
    "missing_gradient_d": "share of the discriminator's weights without a gradient at its step",
    "leak_noise": "auc minus auc after the same faint noise (2/255) was added to both sides",
    "leak_border": "auc minus auc after both sides swapped their borders",
    "frame_alone": "width in pixels of a border of exactly one value on one side only",
    "eval_mode_d": "share of the discriminator's training calls with BatchNorm in evaluation mode",
    "eval_mode_g": "share of the generator's training calls with BatchNorm in evaluation mode",
    "stale_statistics": "share of the sampled net's BatchNorm layers that stand still as it moves",
    "net_age": "greatest number of steps that nets or optimisers remember from before the doctor",
    "optimizer_age": "least such number of the two optimisers and nets / net_age",
}
"""Name -> meaning. A detector reads no other column; tests hold it to that."""
