/* The values of a script: what its expressions evaluate to. */
#ifndef LATHE_FRONTEND_OBJECT_H
#define LATHE_FRONTEND_OBJECT_H

#include "../support/arena.h"
#include "../support/namemap.h"
#include "ast.h"

typedef struct Obj Obj;
typedef struct ScriptLayer ScriptLayer;
typedef struct Tensor Tensor;
typedef struct ScriptModel ScriptModel;
typedef struct ConfigClass ConfigClass;
typedef struct LayerClass LayerClass;
typedef struct Bound Bound;
typedef struct TensorOp TensorOp;

typedef enum {
    OBJ_NONE,
    OBJ_BOOL,   /* integer: 0 or 1 */
    OBJ_INT,    /* integer */
    OBJ_FLOAT,  /* real */
    OBJ_STRING, /* text (NUL-terminated), length */
    OBJ_LIST,   /* seq */
    OBJ_TUPLE,  /* seq */
    OBJ_DICT,   /* seq: key, value, key, value */
    OBJ_RANGE,  /* range */
    OBJ_FUNCTION,
    OBJ_BUILTIN, /* text: a function of Python */
    OBJ_METHOD,  /* self.text */
    OBJ_MODULE,  /* text: a module of Keras, "keras.layers", or TensorFlow itself */
    OBJ_CLASS,   /* a class or function of Keras */
    OBJ_LAYER,
    OBJ_TENSOR,
    OBJ_MODEL,
    OBJ_CONFIG,  /* an optimizer, loss, metric or initialiser made by its class */
    OBJ_UNKNOWN, /* comes from something that lathe does not run; text says what */
    OBJ_POISON   /* an error about it was reported: stays silent from here on */
} ObjKind;

typedef struct Env {
    struct Env *parent;
    NameMap names; /* Obj* */
} Env;

typedef struct {
    Obj **items;
    int count, capacity;
} ObjList;

typedef enum {
    CLASS_LAYER,
    CLASS_SEQUENTIAL,
    CLASS_MODEL,
    CLASS_INPUT,
    CLASS_CONFIG,
    CLASS_OPERATION,  /* a function on tensors */
    CLASS_UNSUPPORTED /* Keras may have it, lathe has not */
} ClassKind;

/* A name that Keras's modules offer. */
typedef struct {
    ClassKind kind;
    const char *module, *name; /* "layers", "Conv2D" */
    const LayerClass *layer;
    const ConfigClass *config;
    const TensorOp *op;
} KerasName;

struct Obj {
    ObjKind kind;
    const char *text;
    size_t length;
    int64_t integer;
    double real;
    SrcLoc loc; /* OBJ_UNKNOWN: where it comes from */
    union {
        ObjList seq;
        struct {
            int64_t start, step, count;
        } range;
        struct {
            const Stmt *def;
            Env *env;
            Obj **defaults; /* one a parameter, NULL where it has none */
        } function;
        Obj *self;
        KerasName keras;
        ScriptLayer *layer;
        Tensor *tensor;
        ScriptModel *model;
        struct {
            const ConfigClass *class;
            Bound *bound;
        } config;
    };
};

Obj *obj_new(Arena *a, ObjKind kind);
Obj *obj_int(Arena *a, int64_t v);
Obj *obj_float(Arena *a, double v);
Obj *obj_bool(Arena *a, bool v);
Obj *obj_string(Arena *a, const char *text, size_t length);
Obj *obj_text(Arena *a, ObjKind kind, const char *text);

bool obj_is_number(const Obj *o);  /* int, float or bool */
bool obj_is_integer(const Obj *o); /* int or bool */
double obj_real(const Obj *o);
bool obj_is_sequence(const Obj *o); /* list or tuple */
bool obj_is_silent(const Obj *o);   /* unknown or poison */
bool obj_truth(const Obj *o);
bool obj_equal(const Obj *a, const Obj *b);
/* "a whole number", "a list", ...: for messages. */
const char *obj_kind_text(const Obj *o);
/* As Python's repr() prints it, shortened for messages. */
const char *obj_repr(Arena *a, const Obj *o);
/* As Python's str() prints it. */
const char *obj_str(Arena *a, const Obj *o);

#endif
