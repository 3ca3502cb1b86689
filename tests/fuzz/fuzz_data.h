/* Loading a data set from a path, and fitting it to a model. */
#ifndef LATHE_TESTS_FUZZ_DATA_H
#define LATHE_TESTS_FUZZ_DATA_H

#include "../../runtime/optional/formats.h"
#include "../runtime/fake_model.h"
#include "fuzz.h"

/* Every element is read, so that the sanitizer sees arrays that are too short. */
static inline void load_data(const lathe_data_request *r) {
    lathe_dataset d;
    lathe_error e = {""};
    if (lathe_dataset_load(r, lathe_all_formats, &d, &e)) {
        lathe_samples *s = r->parts & LATHE_TRAIN ? &d.train : &d.test;
        CHECK(s->count > 0 && lathe_samples_max(s) < 256);
        if (!r->name && !lathe_samples_fit(s, &fake_model, "fuzz", &e)) CHECK(e.text[0]);
        lathe_dataset_free(&d);
    } else {
        CHECK(e.text[0]);
    }
}

#endif
