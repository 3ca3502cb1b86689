/* The first value of a training step that is not finite. Needs a profile build. */
#ifndef LATHE_DRIVER_ANOMALY_H
#define LATHE_DRIVER_ANOMALY_H

#include "../../runtime/train.h"
#include "native.h"

/* From now on a trainer with this inspector is shown to it step by step. The calls of a profile
 * build carry no context: one at a time. */
const lathe_inspector *anomaly_watch(const Native *profile);
/* What the inspector found: "gradient conv2d/kernel/grad of layer ... is NaN ...", or "". */
const char *anomaly_text(void);
/* Runs the gradients of t's last step again, on the profile build; false if all is finite. */
bool anomaly_find(const Native *profile, const lathe_trainer *t);

#endif
