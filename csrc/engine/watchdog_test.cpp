#include "engine/watchdog.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <future>

namespace po {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;

TEST(Watchdog, BarksWhenWorkIsNotDoneInTime) {
    std::promise<void> barked;
    Watchdog dog([&] { barked.set_value(); });
    const Watchdog::Watch watch(dog, milliseconds(1));
    barked.get_future().wait();
}

TEST(Watchdog, BarksForLaterWorkThatIsShorter) {
    std::promise<void> barked;
    Watchdog dog([&] { barked.set_value(); });
    { const Watchdog::Watch watch(dog, hours(1)); }
    const Watchdog::Watch watch(dog, milliseconds(1));
    barked.get_future().wait();
}

TEST(Watchdog, IsSilentAboutWorkThatWasDone) {
    std::atomic<bool> barked{false};
    {
        Watchdog dog([&] { barked = true; });
        for (int i = 0; i < 1000; ++i) {
            const Watchdog::Watch watch(dog, hours(1));
        }
    }
    EXPECT_FALSE(barked);
}

TEST(Watchdog, MayLeaveWhileItWatches) {
    Watchdog dog([] {});
    const Watchdog::Watch watch(dog, hours(1));
}

}  // namespace
}  // namespace po
