// Asks the network of ../stripes.py which way the stripes of two pictures run, both in one call.
#include "stripes.h"

#include <array>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <stdexcept>

namespace {

constexpr std::size_t batch = STRIPES_BATCH, pixels = STRIPES_INPUT_COUNT, side = 8;
constexpr std::array<const char *, STRIPES_OUTPUT_COUNT> names = {"horizontal", "vertical"};

using Picture = std::array<std::uint8_t, pixels>;
using Answer = std::array<float, STRIPES_OUTPUT_COUNT>;

// The network with the memory that it computes in. For several threads: a Classifier each.
class Classifier {
  public:
    Classifier()
        : workspace(std::aligned_alloc(STRIPES_ALIGNMENT, STRIPES_WORKSPACE_BYTES), std::free) {
        if (!workspace) throw std::bad_alloc();
        if (stripes_weights_open(&weights, stripes_model.embedded_weights, STRIPES_WEIGHTS_BYTES) !=
            LATHE_OK)
            throw std::runtime_error("the weights are not those of this network");
        if (stripes_self_test(&weights, nullptr, workspace.get()) != LATHE_OK)
            throw std::runtime_error(
                "the network computes something else than where it was compiled");
    }

    std::array<Answer, batch> operator()(const std::array<Picture, batch> &pictures) {
        std::array<Answer, batch> answers;
        stripes_predict_u8(&weights, workspace.get(), batch, pictures[0].data(), answers[0].data());
        return answers;
    }

  private:
    stripes_weights weights;
    std::unique_ptr<void, decltype(&std::free)> workspace;
};

// Stripes two pixels wide, of 0 and 255.
Picture draw(bool vertical) {
    Picture picture;
    for (std::size_t i = 0; i < pixels; i++)
        picture[i] = (vertical ? i % side : i / side) / 2 % 2 ? 255 : 0;
    return picture;
}

} // namespace

int main() try {
    Classifier classifier;
    const auto answers = classifier({draw(false), draw(true)});
    bool right = true;
    for (std::size_t drawn = 0; drawn < batch; drawn++) {
        const std::size_t told = answers[drawn][1] > answers[drawn][0];
        std::cout << "drawn " << names[drawn] << ", told " << names[told] << " ("
                  << answers[drawn][told] << ")\n";
        right = right && told == drawn;
    }
    return right ? EXIT_SUCCESS : EXIT_FAILURE;
} catch (const std::exception &e) {
    std::cerr << "tell: " << e.what() << '\n';
    return EXIT_FAILURE;
}
