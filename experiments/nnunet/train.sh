#!/usr/bin/env bash
# nnU-Net on 96 simulated patients, scored on 12 others and on real cases: environment, export, plan, training,
# prediction, scores. Run from the repository's root, in the environment of this repository:
#
#     DATA=/path/to/labelled/cases CORE=1 bash experiments/nnunet/train.sh
#
# What is done is skipped, and an interrupted training goes on at its last checkpoint. Everything runs on one core.
set -euo pipefail

DATA=${DATA:-}                                    # labelled real cases; without them phantoms alone are predicted
WORK=${WORK:-$PWD/runs/experiments/nnunet}
NNUNET_ENV=${NNUNET_ENV:-$WORK/env}
CORE=${CORE:-0}
MEMORY_GB=${MEMORY_GB:-1.0}                       # the planner sizes the patch by it; nnU-Net's own is 8
export SHORT_EPOCHS=${SHORT_EPOCHS:-50}           # of 10 steps

export nnUNet_raw="$WORK/nnUNet_raw" nnUNet_preprocessed="$WORK/nnUNet_preprocessed" nnUNet_results="$WORK/nnUNet_results"
export nnUNet_n_proc_DA=1 nnUNet_def_n_proc=1
# Memory that a step gives back is kept for the next one, or the system spends a third of the time handing out pages.
export OMP_NUM_THREADS=1 MALLOC_TRIM_THRESHOLD_=8589934592 MALLOC_MMAP_THRESHOLD_=4294967296
DATASET=Dataset501_BraTS
PLANS=nnUNetSmallPlans
MODEL=(-d 501 -c 3d_fullres -p "$PLANS" -tr ShortTrainer -f all)
PREDICT=(-device cpu -npp 1 -nps 1 --disable_tta --continue_prediction --disable_progress_bar)

# `time` prints seconds of the clock and of the processor, all processes together: on a busy machine they differ.
TIMEFORMAT='%R %U %S'
on_one_core() { taskset -c "$CORE" "$@"; }
nnunet() { on_one_core "$NNUNET_ENV/bin/nnUNetv2_$1" "${@:2}"; }

# The versions that were run.
if [ ! -x "$NNUNET_ENV/bin/nnUNetv2_train" ]; then
    python3 -m venv "$NNUNET_ENV"
    "$NNUNET_ENV/bin/pip" install nnunetv2==2.8.1 torch==2.13.0
fi
# Beside nnU-Net's own trainers, where it looks before it imports others, of which some need more than a CPU build.
cp experiments/nnunet/short_trainer.py "$NNUNET_ENV"/lib/python3*/site-packages/nnunetv2/training/nnUNetTrainer/

on_one_core python -m experiments.nnunet.cases "$WORK/cases" --data "$DATA"
on_one_core brats export-nnunet "$WORK" --data "$WORK/cases" --split "$WORK/cases/split.json" --workers 1

if [ ! -f "$nnUNet_preprocessed/$DATASET/dataset_fingerprint.json" ]; then
    nnunet extract_fingerprint -d 501 -np 1 --verify_dataset_integrity
fi
if [ ! -f "$nnUNet_preprocessed/$DATASET/$PLANS.json" ]; then
    nnunet plan_experiment -d 501 -gpu_memory_target "$MEMORY_GB" -overwrite_plans_name "$PLANS"
fi
if [ ! -f "$WORK/preprocessed.done" ]; then
    nnunet preprocess -d 501 -plans_name "$PLANS" -c 3d_fullres -np 1
    touch "$WORK/preprocessed.done"
fi

trained="$nnUNet_results/$DATASET/ShortTrainer__${PLANS}__3d_fullres/fold_all"
if [ ! -f "$trained/checkpoint_final.pth" ]; then
    { time nnunet train 501 3d_fullres all -p "$PLANS" -tr ShortTrainer -device cpu --c 2>&3; } \
        3>&2 2>>"$WORK/train.seconds"
fi

# Simulated and real cases apart, each against its own truth.
predict_and_score() { # subset, folder of true masks
    local inputs="$WORK/inputs/$1" predictions="$WORK/predictions/$1" name
    mkdir -p "$inputs" "$WORK/predictions"
    for name in "$WORK/cases/$1"/*/; do
        ln -sf "$nnUNet_raw/$DATASET/imagesTs/$(basename "$name")"_000?.nii.gz "$inputs/"
    done
    if [ ! -f "$predictions.done" ]; then
        { time nnunet predict -i "$inputs" -o "$predictions" "${MODEL[@]}" "${PREDICT[@]}" 2>&3; } \
            3>&2 2>>"$predictions.seconds"
        touch "$predictions.done"
    fi
    on_one_core brats score "$predictions" "$2" --out "$WORK/scores_$1.csv"
}
predict_and_score phantoms "$WORK/cases/phantoms"
if [ -n "$DATA" ]; then
    predict_and_score real "$DATA"
fi
on_one_core "$NNUNET_ENV/bin/python" experiments/nnunet/facts.py "$trained" "$WORK"
