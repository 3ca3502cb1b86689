/* The command `lathe`: finds the subcommand and runs it. */
#include "driver.h"
#include "parsers.h"

#include <stdio.h>
#include <string.h>

typedef struct {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *help;
} Command;

static const Command commands[] = {
    {"compile", cmd_compile, "write the C and the weights of a model"},
    {"train", cmd_train, "compile the training step, run it, save the trained model"},
    {"evaluate", cmd_evaluate, "loss and accuracy of trained weights on a test set"},
    {"predict", cmd_predict, "run a trained model on images or arrays"},
    {"convert", cmd_convert, "write a model in another format: .keras, .h5, .safetensors"},
    {"fetch", cmd_fetch, "download the published weights of a network"},
    {"summary", cmd_summary, "Keras's table of layers, shapes and parameters"},
    {"layers", cmd_layers, "the layers, operations and options of models that lathe reads"},
    {"inspect", cmd_inspect, "the graph after any pass, the plan, the kernels; --html draws them"},
    {"bench", cmd_bench, "generated code against the interpreter"},
    {"tune", cmd_tune, "measure the kernels of each layer on this machine and keep the fastest"},
    {"reproduce", cmd_reproduce,
     "train a fixed network: the SHA-256 of its weights is everywhere the same"},
    {"report", cmd_report, "pictures and a page of a training run"},
};
enum { COMMANDS = sizeof commands / sizeof *commands };

static void print_usage(FILE *out) {
    fputs("usage: lathe SUBCOMMAND ...   (lathe SUBCOMMAND --help says more)\n\n"
          "lathe turns a neural network into C.\n\n",
          out);
    for (int i = 0; i < COMMANDS; i++)
        fprintf(out, "  %-10s %s\n", commands[i].name, commands[i].help);
    fputs("\nMODEL is a Keras script, such as examples/cifar10/model1.py, or a .keras, .h5, .json "
          "or .onnx file.\n",
          out);
}

static int unknown_command(const char *word) {
    const char *names[COMMANDS + 1] = {0};
    for (int i = 0; i < COMMANDS; i++) names[i] = commands[i].name;
    const char *near = diag_nearest(word, names);
    if (near) return user_error("unknown subcommand '%s'; did you mean '%s'?", word, near);
    return user_error("unknown subcommand '%s'; see lathe --help", word);
}

int main(int argc, char **argv) {
    if (argc < 2) {
        print_usage(stderr);
        return 1;
    }
    if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")) {
        print_usage(stdout);
        return 0;
    }
    if (!strcmp(argv[1], "--version")) {
        puts("lathe " LATHE_VERSION);
        return 0;
    }
    use_jailed_parsers();
    for (int i = 0; i < COMMANDS; i++) {
        if (!strcmp(argv[1], commands[i].name)) return commands[i].run(argc - 2, argv + 2);
    }
    return unknown_command(argv[1]);
}
